#!/bin/bash
# The control plane and the data plane as two processes: every command is what it
# is with one, what a write answers is true, and neither needs the other to be
# there for what goes on.
#
#   roles_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"
mkdir /run/work

# shows REGEX COMMAND...: what it prints has it. (A pipe would break before all is printed.)
shows() { grep -qE -- "$1" <<<"$("${@:2}" 2>&1)"; }

listens() { kill -0 "$control" 2>/dev/null && weft vpc ls >/dev/null 2>&1; }
start_data() {
  "$WEFT_BIN/weftd" --role data >>/run/data.log 2>&1 &
  data=$!
  until_true "$patience" in_step || fail "the data plane is not in step: $(weft status) $(tail -n 20 /run/data.log)"
}
in_step() { kill -0 "$data" 2>/dev/null && [ -S /run/weft/data.sock ] && ! shows 'plane is (away|not)' weft status; }
# Nothing is wrong but what the example leaves so.
is_well() { [ -z "$(weft status -o yaml | grep 'what:' | grep -v 'private IPv6')" ]; }
away() { shows 'data plane is away' weft status; }
stop_process() { # PID SIGNAL
  kill "-$2" "$1"
  wait "$1" 2>/dev/null || true
}

# The control plane has no capability and no network: what it needs are its files.
start_control() {
  unshare --net setpriv --bounding-set -all --inh-caps -all --no-new-privs "$WEFT_BIN/weftd" --role control >>/run/control.log 2>&1 &
  control=$!
  until_true "$patience" listens || fail "the control plane doesn't answer: $(tail -n 20 /run/control.log)"
}

echo '# the control plane alone'
start_control
grep -q '^CapEff:.*[^0]$' "/proc/$control/status" && fail "the control plane has capabilities: $(grep Cap "/proc/$control/status")"
refused 6 'agreed as revision 2, but not enforced yet' weft vpc create lab --cidr 10.30.0.0/16
[ "$(weft vpc ls -o name)" != '' ] || fail 'what is agreed is not shown'
refused 11 'data plane is away' weft status
refused 6 'the data plane is away since' weft flows
refused 6 'the data plane is away since' weft events
refused 11 'away since' weft doctor
[ ! -e /run/netns/weft ] && [ ! -d /run/weft/bpf ] || fail 'the control plane touched the machine'

echo '# both: every verb'
start_data
is_well || fail "not everything is as wanted: $(weft status)"
id=$(weft vpc create lab --cidr 10.30.0.0/16)
[[ $id = vpc-* ]] || fail "creating it again doesn't print its id: $id"
weft igw attach lab
weft route add lab/main 0.0.0.0/0 igw
weft route add lab/main ::/0 igw
weft subnet create a --vpc lab --cidr 10.30.1.0/24 >/dev/null
weft sg create closed --vpc lab >/dev/null
one=$(place one --subnet lab/a --ip 10.30.1.10 --sg lab/closed)
two=$(place two --subnet lab/a --ip 10.30.1.11)
weft run --detach --name server --subnet lab/a --ip 10.30.1.20 --publish 8081:6379 --workdir /tmp --restart always -- \
  redis-server --bind '* -::*' --protected-mode no --save '' --appendonly no >/dev/null
weft sg allow lab/default in tcp:6379 0.0.0.0/0 >/dev/null
pong() { [ "$(ip netns exec "$two" timeout 5 redis-cli -h 10.30.1.20 PING 2>/dev/null)" = PONG ]; }
until_true "$patience" pong || fail "the server doesn't answer: $(weft logs server)"
[ "$(outside redis-cli -h 192.0.2.10 -p 8081 PING)" = PONG ] || fail 'the published port is closed'
shows '^server *running' weft ps || fail "ps: $(weft ps)"
shows 'Ready to accept' weft logs server || fail "logs: $(weft logs server)"
[ "$(echo in and out | weft exec server -- cat)" = 'in and out' ] || fail 'exec carries no bytes'
[[ $(weft exec --tty server -- tty) = /dev/pts/* ]] || fail 'exec has no terminal'
code=0
weft exec server -- bash -c 'exit 7' || code=$?
[ "$code" = 7 ] || fail "exec ended with $code"
code=0
weft run --rm -- bash -c 'exit 9' || code=$?
[ "$code" = 9 ] || fail "run ended with $code"
for round in $(seq 10); do
  [ "$(echo "in $round" | weft run --rm --name "echo$round" -- cat)" = "in $round" ] || fail "output of run $round is lost"
done
gone() { ! shows '^echo' weft ps --all; }
until_true "$patience" gone || fail "what ended is not removed: $(weft ps --all)"
shows 'live: ALLOW' weft trace lab/two lab/server:6379 --live || fail 'a live trace is refused'
shows 10.30.1.20 weft flows --since 1h || fail 'no flows'
shows 'workload.running *server' weft events || fail "no events: $(weft events)"
shows . weft explain server || fail 'nothing is explained'
shows 'After=weftd-data.service' weft tni unit-dropin lab/one legacy.service || fail 'a unit is ordered after another one'
refused 9 '+ vpc shop' weft plan -f "$here/../../examples/two-tier.yaml"
weft apply -f "$here/../../examples/two-tier.yaml" >/dev/null || fail 'the example is refused'
refused 0 '' weft plan -f "$here/../../examples/two-tier.yaml"
refused 4 'runs; stop it first' weft rm server
weft logs --follow server >/run/work/followed &
follower=$!
until_true "$patience" test -s /run/work/followed || fail 'logs --follow says nothing'

echo '# a followed log whose reader goes leaves nothing behind'
connections() { [ "$(ss -xH state connected src /run/weft/data.sock | wc -l)" -le "$1" ]; }
kill "$follower"
until_true 10 connections 0 || fail "connections are left: $(ss -xH src /run/weft/data.sock)"

echo '# an interface moves, and is where the command says'
weft tni create mover --subnet lab/a --ip 10.30.1.30 >/dev/null
for target in one two one two; do
  weft tni move lab/mover "$target" >/dev/null 2>&1 || weft tni attach lab/mover "$target" >/dev/null
  place=${!target}
  shows '10.30.1.30/' ip -n "$place" -o address show || fail "mover is not in $target: $(ip -n "$place" -o address show)"
done

echo '# enforced is what is answered'
reach() { ip netns exec "$two" ping -c 1 -W "$1" 10.30.1.10 >/dev/null; }
for round in $(seq 20); do
  rule=$(weft sg allow lab/closed in icmp 0.0.0.0/0)
  reach 5 || fail "round $round: allowed, and dropped"
  weft sg revoke "$rule" >/dev/null
  ! reach 0.2 || fail "round $round: revoked, and still allowed"
done

echo '# kill -9 under traffic: the control plane'
lost_of() { sed -nE 's/.* ([0-9.]+)% packet loss.*/\1/p' "$1"; }
ip netns exec "$two" ping -i 0.01 -q 10.30.1.20 >/run/work/ping &
ping=$!
shim=$(cat /run/weft/w/*/status | sed -n 's/^shim //p')
weft run --detach --rm --name short -- sleep 3 >/dev/null
stop_process "$control" KILL
refused 6 'weftd' weft ps
refused 6 'changes are refused' weft --socket /run/weft/data.sock vpc rm lab
shows '^server *running' weft --socket /run/weft/data.sock ps || fail 'root is not answered by the data plane'
silent() { shows 'control plane is away' weft --socket /run/weft/data.sock status; }
until_true 10 silent || fail "the data plane doesn't miss it: $(weft --socket /run/weft/data.sock status)"
ended() { ! shows '^short' weft --socket /run/weft/data.sock ps; }
until_true 20 ended || fail 'the short one goes on'
start_control
until_true "$patience" in_step || fail "not in step again: $(weft status)"
removed() { ! shows '^short' weft ps --all; }
until_true "$patience" removed || fail "what ended without the control plane is not removed: $(weft ps --all)"

echo '# kill -9 under traffic: the data plane'
stop_process "$data" KILL
until_true 10 away || fail "its absence is not seen: $(weft status)"
rule=
refused 6 'not enforced yet' weft sg allow lab/closed in icmp 0.0.0.0/0
refused 6 'not enforced yet' weft sg create later --vpc lab
shows later weft sg ls || fail 'what is agreed is not shown'
refused 125 'the data plane is away' weft exec server -- true
! reach 0.2 || fail 'what is not enforced is'
start_data
reach 5 || fail 'what was agreed is not enforced on return'
[[ $(weft sg create later --vpc lab) = sg-* ]] || fail 'the same command does not succeed now'
is_well || fail "not everything is as wanted: $(weft status)"
[ "$(cat /run/weft/w/*/status | sed -n 's/^shim //p')" = "$shim" ] || fail 'a workload was started again'
kill -INT "$ping"
wait "$ping" || true
[ "$(lost_of /run/work/ping)" = 0 ] || fail "packets were lost: $(cat /run/work/ping)"

echo '# what runs is judged by what is known, and by nothing else'
weft run --detach --name spare --restart always -- sleep 1000 >/dev/null
spare=$(field pid weft inspect spare)
stop_process "$data" KILL
until_true 10 away || fail "its absence is not seen: $(weft status)"
refused 4 'runs; stop it first' weft rm server
stop_process "$control" KILL
start_control
refused 6 "it isn't known whether workload server runs: the data plane is away since" weft rm server
refused 6 'weftd-data.service); use force' weft rm server
refused 6 "it isn't known whether workload server runs" weft start server
refused 6 'not enforced yet' weft rm --force spare
kill -0 "$spare" || fail 'it ended without a data plane'
start_data
refused 4 'runs; stop it first' weft rm server
ended() { ! kill -0 "$spare" 2>/dev/null; }
until_true "$patience" ended || fail 'what was removed goes on'
refused 3 'spare' weft inspect spare

echo '# what could not be carried out is told with the answer, as by one process'
lost=$(place lost --subnet lab/a)
weft tni create orphan --subnet lab/a >/dev/null
ip netns del "$lost"
mkdir -p "/run/netns/$lost/in-the-way"
readonly note='agreed, but not all of it holds here: orphan: attach TNI'
refused 0 "$note" weft tni attach lab/orphan lost
refused 0 "$note" weft tni set lab/orphan --sg lab/closed
refused 0 "$note" weft tni set lab/orphan --sg lab/closed # nothing new, and still so
! shows 'not enforced' weft tni set lab/two --sg lab/default || fail "another one's problem is told"
stop_process "$data" KILL
until_true 10 away || fail "its absence is not seen: $(weft status)"
refused 6 'not enforced yet' weft tni set lab/orphan --sg lab/default
start_data
refused 0 "$note" weft tni set lab/orphan --sg lab/default
rm -r "/run/netns/$lost"
enforced() { ! shows 'not enforced' weft tni set lab/orphan --sg lab/default; }
until_true 20 enforced || fail "the way is free, and still: $(weft status)"
weft rm lost >/dev/null
weft tni rm lab/orphan >/dev/null
is_well || fail "not everything is as wanted: $(weft status)"

echo '# a data plane that hangs'
kill -STOP "$data"
refused 6 'not enforced yet' weft sg create hung --vpc lab
away || fail "it is not seen that it hangs: $(weft status)"
kill -CONT "$data"
until_true 10 in_step || fail "it is not seen that it goes on: $(weft status)"
weft sg create hung --vpc lab >/dev/null

echo '# a control plane that hangs'
kill -STOP "$control"
until_true 20 silent || fail "the data plane doesn't see it: $(weft --socket /run/weft/data.sock status)"
kill -CONT "$control"
until_true 10 in_step || fail "not in step again: $(weft status)"
heard() { ! silent; }
until_true 10 heard || fail "the data plane doesn't see it go on: $(weft --socket /run/weft/data.sock status)"

echo '# writes while either dies again and again: each that is done is agreed, and both have the same'
write_on() { # FIRST LAST: prints what was done
  local i code
  for i in $(seq "$1" "$2"); do
    code=0
    timeout 60 weft pl create "storm$i" "192.0.2.$i/32" >/dev/null 2>&1 || code=$?
    case $code in
      0 | 6) [ "$code" = 6 ] || echo "storm$i" ;;
      *) echo "ended with $code" ;;
    esac
  done
}
for writer in 0 1 2; do write_on $((writer * 40 + 1)) $((writer * 40 + 40)) >"/run/work/storm$writer" & writers[writer]=$!; done
for round in 1 2 3; do
  stop_process "$data" KILL
  start_data
  stop_process "$control" KILL
  start_control
done
wait "${writers[@]}"
until_true "$patience" in_step || fail "not in step: $(weft status)"
weft pl ls -o yaml | sed -nE 's/^ *-? *name: "?(storm[0-9]+)"?$/\1/p' | sort >/run/work/storm
[ -z "$(sort /run/work/storm[012] | comm -23 - /run/work/storm)" ] ||
  fail "done, and gone: $(sort /run/work/storm[012] | comm -23 - /run/work/storm)"
with_data=$(weft export)
stop_process "$data" TERM
[ "$(weft export)" = "$with_data" ] || fail "the planes differ: $(diff <(weft export) - <<<"$with_data")"
start_data

echo '# strangers'
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
refused 5 'no role' as_nobody weft ps
for socket in data feed; do
  refused 5 '' as_nobody weft --socket "/run/weft/$socket.sock" ps
done
chmod 666 /run/weft/data.sock /run/weft/feed.sock
refused 5 'no role' as_nobody weft --socket /run/weft/data.sock ps
answer() { "${caller[@]}" curl -s --unix-socket "$1" -H 'Weft-Caller: admin uid:0' -d '{}' http://weft/v1/Workloads/List; }
caller=(env)
shows items answer /run/weft/weft.sock || fail "root is not answered: $(answer /run/weft/weft.sock)"
caller=(setpriv --reuid 65534 --regid 65534 --clear-groups)
for socket in data weft; do
  ! shows items answer "/run/weft/$socket.sock" || fail "a header makes an admin: $(answer "/run/weft/$socket.sock")"
done
feed() { timeout 20 curl -s --unix-socket /run/weft/feed.sock telnet://weft >/dev/null || true; }
export -f feed
as_nobody bash -c 'echo something | feed'
grep -q 'uid:65534 has no part' /run/control.log || fail 'a stranger fed the data plane'
chmod 600 /run/weft/data.sock /run/weft/feed.sock
printf '\4\0\0\0abcd' | feed
head -c 1000000 /dev/urandom | feed || true # it hangs up before the end
{ printf '\0\0' && sleep 8; } | feed || true
until_true 10 grep -q 'a connection without a hello' /run/control.log || fail 'who says nothing is let stay'
is_well || fail "garbage did something: $(weft status)"

echo '# two processes to one, and back'
ip netns exec "$two" ping -i 0.01 -q 10.30.1.20 >/run/work/ping &
ping=$!
before=$(weft export)
stop_process "$data" TERM
stop_process "$control" TERM
start_weftd
is_well || fail "not everything is as wanted: $(weft status)"
[ "$(weft export)" = "$before" ] || fail 'the state is another one'
refused 1 'another weftd' "$WEFT_BIN/weftd" --role data
refused 1 'another weftd' "$WEFT_BIN/weftd" --role control
refused 1 'still runs' "$WEFT_BIN/weftd" --remove
kill_weftd
start_control
start_data
[ "$(weft export)" = "$before" ] || fail 'the state is another one'
[ "$(cat /run/weft/w/*/status | sed -n 's/^shim //p')" = "$shim" ] || fail 'a workload was started again'
kill -INT "$ping"
wait "$ping" || true
[ "$(lost_of /run/work/ping)" = 0 ] || fail "packets were lost: $(cat /run/work/ping)"

echo '# the machine restarts: the data plane waits for the control plane'
stop_process "$data" TERM
stop_process "$control" TERM
refused 0 '' "$WEFT_BIN/weftd" --role data --remove
[ -z "$(ip netns list | grep weft)" ] || fail "namespaces are left: $(ip netns list)"
"$WEFT_BIN/weftd" --role data >>/run/data.log 2>&1 &
data=$!
sleep 1
[ ! -e /run/netns/weft ] || fail 'it did something before it knew what'
start_control
until_true "$patience" in_step || fail "not in step: $(weft status)"
until_true "$patience" pong || fail "the server doesn't come back: $(weft ps)"

echo '# the end'
stop_process "$data" TERM
refused 0 '' "$WEFT_BIN/weftd" --role data --remove
stop_process "$control" TERM
refused 0 '' "$WEFT_BIN/weftd" --role control --remove
! grep -hE 'Sanitizer|runtime error' /run/control.log /run/data.log || fail 'a process ended badly'
[ -z "$(find /run/weft -mindepth 1)" ] || fail "files are left: $(find /run/weft)"
