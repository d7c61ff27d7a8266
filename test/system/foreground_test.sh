#!/bin/bash
# What runs in the foreground ends when its user says so; what was stopped has
# ended when the command returns; with one process and with two. A weftd that is killed
# meanwhile costs nothing of what goes in and out.
#
#   foreground_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"

# ended_with CODE COMMAND...
ended_with() {
  local code=0 wanted=$1
  shift
  "$@" >/run/out 2>/run/err </dev/null || code=$?
  [ "$code" = "$wanted" ] || fail "'$*' ended with $code instead of $wanted: $(cat /run/err)"
}
state_of() { field state weft inspect "$1" 2>/dev/null; }
count_of() { weft ps --all -o name | wc -l; }
gone() { [ "$(count_of)" = 1 ]; } # the machine itself
runs() { [ "$(state_of "$1")" = "$2" ]; }
is_ready() { grep -q ready <<<"$(weft logs "$1")"; }
# is_idle PID, ended PID: weft, which waits for something; and which is over
is_idle() { local read; read=$(read_by "$1"); sleep 0.2; [ "$read" -gt 0 ] && [ "$read" = "$(read_by "$1")" ]; }
read_by() { awk '/^rchar/ {print $2}' "/proc/$1/io"; }
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
stubborn=(bash -c 'trap "sleep 1; exit 3" TERM; echo ready; while :; do sleep 0.05; done')

all_of_it() {
  echo '# nobody reads'
  local codes
  codes=$(set +o pipefail; weft run --rm --restart no -- yes 2>/run/err | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}")
  [ "$codes" = 141 ] || fail "without a reader it ended with $codes"
  [ ! -s /run/err ] || fail "it says: $(cat /run/err)"
  until_true "$patience" gone || fail "it runs on: $(weft ps --all)"

  echo '# a signal overtakes input that nobody reads'
  weft run --rm --name deaf --restart no -- sleep 1000 </dev/zero &
  local deaf=$!
  until_true "$patience" runs deaf running || fail "it doesn't run: $(weft ps --all)"
  until_true "$patience" is_idle "$deaf" || fail 'its input is read without end'
  kill -INT "$deaf"
  until_true "$patience" ended "$deaf" || fail 'the signal waits behind the input'
  local code=0
  wait "$deaf" || code=$?
  [ "$code" = 130 ] || fail "interrupted it ended with $code"

  echo '# a signal means stop, whatever the policy'
  ended_with 124 timeout 5 weft run --name again --restart on-failure -- sh -c 'exit 1'
  runs again exited || fail "it goes on: $(weft ps --all)"
  weft rm again
  weft run --name loop --restart always -- sh -c 'while :; do sleep 0.05; done' &
  local loop=$!
  until_true "$patience" runs loop running || fail "it doesn't run: $(weft ps --all)"
  kill -INT "$loop"
  code=0
  wait "$loop" || code=$?
  [ "$code" = 130 ] || fail "interrupted it ended with $code"
  runs loop exited || fail "it was started again: $(weft ps --all)"
  refused 125 'which has ended; `weft start loop` runs it again' weft run --name loop --restart always -- sh -c 'while :; do sleep 0.05; done'
  weft rm loop

  echo '# done is what has ended'
  weft run --detach --name slow1 -- "${stubborn[@]}" >/dev/null
  weft run --detach --name slow2 -- "${stubborn[@]}" >/dev/null
  for slow in slow1 slow2; do until_true "$patience" is_ready "$slow" || fail "$slow says nothing"; done
  weft stop slow1 slow2
  for slow in slow1 slow2; do runs "$slow" exited || fail "it still stops: $(weft ps --all)"; done
  weft rm slow1
  weft start slow2
  until_true "$patience" runs slow2 running
  local pid
  pid=$(field pid weft inspect slow2)
  refused 3 nope weft rm --force nope slow2
  kill -0 "$pid" || fail 'one was removed although another is nobody'
  weft restart slow2
  ! kill -0 "$pid" 2>/dev/null || fail 'a restart is done, and the old one runs'
  until_true "$patience" runs slow2 running
  pid=$(field pid weft inspect slow2)
  weft rm --force slow2
  ! kill -0 "$pid" 2>/dev/null || fail 'it is removed, and runs'
  gone || fail "something is left: $(weft ps --all)"
}

killed_meanwhile() {
  echo '# killed under a stream'
  local i
  chunks() { for i in $(seq 40); do seq -f "$i %g" 20000; sleep 0.1; done; }
  chunks >/run/wanted
  chunks | weft run --rm -- cat >/run/out 2>/run/err &
  local streaming=$!
  for i in 1 2 3; do
    sleep 0.7
    kill_weftd KILL
    start_weftd
  done
  local code=0
  wait "$streaming" || code=$?
  [ "$code" = 0 ] || fail "it ended with $code: $(cat /run/err)"
  cmp /run/out /run/wanted || fail "something is missing: $(cat /run/err)"

  echo '# ended meanwhile'
  weft run --rm -- sh -c 'echo first; while ! test -e /run/go; do sleep 0.02; done; echo last; exit 9' >/run/out 2>/run/err &
  local ending=$!
  until_true "$patience" grep -q first /run/out || fail "it says nothing: $(cat /run/err)"
  kill_weftd KILL
  touch /run/go
  until_true "$patience" grep -q 'state stopping' /run/weft/w/*/status || fail "it goes on: $(cat /run/weft/w/*/status)"
  start_weftd
  code=0
  wait "$ending" || code=$?
  [ "$code" = 9 ] || fail "it ended with $code: $(cat /run/err)"
  [ "$(cat /run/out)" = $'first\nlast' ] || fail "it wrote: $(cat /run/out)"
  until_true "$patience" gone || fail "something is left: $(weft ps --all)"

  echo '# a terminal meanwhile'
  mkfifo /run/keys
  script -qefc 'weft run --rm --restart no -- sh -c "echo in \$((6 * 7)); read x; echo got \$x; exec sleep 1000"' \
    /run/typed </run/keys >/dev/null 2>&1 &
  local typing=$!
  exec 7>/run/keys
  until_true "$patience" grep -q 'in 42' /run/typed || fail "it says nothing: $(cat /run/typed)"
  kill_weftd KILL
  until_true "$patience" grep -q 'runs on' /run/typed || fail "it doesn't notice: $(cat /run/typed)"
  start_weftd
  until_true "$patience" grep -q 'attached to .* again' /run/typed || fail "it isn't back: $(cat /run/typed)"
  echo words >&7
  until_true "$patience" grep -q 'got words' /run/typed || fail "it isn't heard: $(cat /run/typed)"
  printf '\003' >&7
  code=0
  wait "$typing" || code=$?
  exec 7>&-
  [ "$code" = 130 ] || fail "by ^C it ended with $code: $(cat /run/typed)"
  until_true "$patience" gone || fail "something is left: $(weft ps --all)"

  local policy
  for policy in on-failure always; do started_again_meanwhile "$policy"; done
}

# Of which each run takes a line of input; and a signal is its end, as without a restart of weftd.
started_again_meanwhile() {
  echo "# started again meanwhile, $1"
  mkdir /run/again
  mkfifo /run/again/input
  weft run --name again --restart "$1" -- sh -c 'read line; echo "a run with $line"
    test "$line" != last || exec sleep 1000; exit 1' </run/again/input >/run/again/out 2>/run/err &
  local weft=$! code=0
  exec 7>/run/again/input
  echo first >&7
  until_true "$patience" grep -q first /run/again/out || fail "it says nothing: $(cat /run/err)"
  kill_weftd KILL
  until_true "$patience" grep -q 'restarts 1' /run/weft/w/*/status || fail "it wasn't: $(cat /run/weft/w/*/status)"
  start_weftd
  echo second >&7
  until_true "$patience" grep -q second /run/again/out || fail "it isn't heard: $(cat /run/err)"
  until_true "$patience" grep -q 'restarts 2' /run/weft/w/*/status || fail "it isn't started again: $(cat /run/err)"
  echo last >&7
  until_true "$patience" grep -q last /run/again/out || fail "it isn't heard: $(cat /run/err)"
  kill -INT "$weft"
  wait "$weft" || code=$?
  exec 7>&-
  [ "$code" = 130 ] || fail "interrupted it ended with $code: $(cat /run/err)"
  [ "$(cat /run/again/out)" = $'a run with first\na run with second\na run with last' ] || fail "it wrote: $(cat /run/again/out)"
  runs again exited || fail "it was started again: $(weft ps --all)"
  weft rm again
  rm -r /run/again
}

start_weftd
all_of_it
killed_meanwhile
kill_weftd

"$WEFT_BIN/weftd" --role control >>/run/control.log 2>&1 &
weftd=$!
"$WEFT_BIN/weftd" --role data >>/run/data.log 2>&1 &
data=$!
in_step() { [ -S /run/weft/data.sock ] && ! weft status 2>&1 | grep -q 'plane is'; }
until_true "$patience" in_step || fail "the planes don't meet: $(tail /run/data.log)"
all_of_it
kill "$data"
wait "$data" || true
kill_weftd
! grep -hE 'Sanitizer|runtime error' "$weftd_log" /run/control.log /run/data.log || fail 'a process ended badly'
