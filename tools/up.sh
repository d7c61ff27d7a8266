#!/bin/bash
# Starts the weftd that was built, runs examples/two-tier.yaml and shows what it
# does (`up`), or takes all of that away again (`down`). ./dev calls it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

readonly bin=${WEFT_BIN:-$PWD/build/release/bin}
readonly state=/var/lib/weft
readonly run=/run/weft
readonly pid_file=$run/dev.pid
readonly log=$state/dev.log # where it is, everything in $state was made by `up`
readonly netns_marker=$run/dev.netns # there was no /run/netns before
readonly example=examples/two-tier.yaml

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() { echo "dev: $*" >&2; exit 1; }
weft() { "$bin/weft" "$@"; }

# Prints a command as one would type it, then runs it.
show() { printf '  $ %s\n' "${*/#"$bin/"/}"; "$@" 2>&1 </dev/null | sed 's/^/    /'; return "${PIPESTATUS[0]}"; }

# until_true SECONDS COMMAND...: whether it succeeded in time
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# Whether the process is the weftd that was started here, not one that got its number.
is_ours() { [[ $(readlink "/proc/$1/exe" 2>/dev/null) == */weftd* ]]; }
our_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] && is_ours "$pid" && echo "$pid"
}

# 0 all is as wanted, 11 something isn't yet: both are an answer.
answers() {
  local code=0
  weft status >/dev/null 2>&1 || code=$?
  [ "$code" = 0 ] || [ "$code" = 11 ]
}

refuse_foreign() {
  [ ! -e "$state" ] || [ -e "$log" ] ||
    die "there is a Weft on this machine already ($state): stop it, and move that folder away, or use it as it is"
  [ -n "$(our_pid)" ] || ! answers || die "a weftd that was not started by ./dev up answers on this machine: stop it first"
}

start() {
  if [ -n "$(our_pid)" ]; then
    echo "weftd runs already (pid $(our_pid))"
  else
    mkdir -p "$state" "$run"
    chmod 0750 "$state"
    [ -e /run/netns ] || touch "$netns_marker"
    setsid "$bin/weftd" </dev/null >>"$log" 2>&1 &
    echo $! >"$pid_file"
  fi
  # It works all that time, it doesn't wait: how long depends on how busy the machine is.
  until_true 120 answers_or_gone || true
  answers || die "weftd doesn't answer; the last lines of $log:
$(tail -n 20 "$log")"
}
# By its number alone: right after the fork it isn't weftd yet.
answers_or_gone() { ! kill -0 "$(cat "$pid_file")" 2>/dev/null || answers; }

application_answers() { curl -sf -m 2 http://127.0.0.1:8080/PING >/dev/null; }

tour() {
  local code=0
  until_true 120 application_answers ||
    die "the application doesn't answer on port 8080; ./dev weft ps --all, ./dev weft logs web and ./dev weft status say more"
  say 'The application reaches the database:'
  show curl -sS -m 5 http://127.0.0.1:8080/INCR/visits
  echo
  say 'A third process in the same VPC does not:'
  show weft exec stranger -- timeout 2 redis-cli -h 10.20.2.10 PING || code=$?
  [ "$code" = 124 ] || die "the third process got an answer (status $code): that must not be"
  echo '    (no answer within two seconds)'
  say 'This is why:'
  code=0
  show weft trace shop/stranger shop/database:6379 || code=$?
  [ "$code" = 10 ] || die "weft trace ended with $code instead of 10 (DENY)"
  echo
  show weft flows --verdict drop --tni shop/database --since 1m
}

next() {
  say 'Try next:'
  cat <<'TEXT'
  ./dev weft ps                                            what runs
  ./dev weft sg allow db in tcp:6379 sg:shop/default --for 1m
  ./dev weft exec stranger -- redis-cli -h 10.20.2.10 PING
                                                           let the third process in, for a minute
  ./dev weft run -- ip address                             a process in the default VPC
  ./dev weft help                                          everything else
  ./dev down                                               take all of it away
TEXT
}

up() {
  tools/packages.sh packaging/example-packages.txt
  refuse_foreign
  start
  weft apply -f "$example" >/dev/null
  weft start database web stranger >/dev/null # whatever became of them since the last time
  tour
  next
}

# The directory of names is the first one's who makes a namespace. Whoever uses it now keeps it.
drop_netns_directory() {
  [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ] || return 0
  umount /run/netns && rmdir /run/netns || echo 'dev: /run/netns stays: somebody uses it' >&2
}

has_ended() { [ -z "$(our_pid)" ]; }

stop() {
  local pid
  pid=$(our_pid) || return 0
  kill -TERM "$pid"
  until_true 10 has_ended || kill -KILL "$pid"
}

down() {
  if [ ! -e "$log" ]; then
    [ ! -e "$state" ] || die "the Weft on this machine was not made by ./dev up: it stays"
    echo 'nothing to take away'
    return
  fi
  stop
  [ -x "$bin/weftd" ] || die 'weftd is not built any more: run ./dev build, then ./dev down again'
  local made_netns=''
  [ ! -e "$netns_marker" ] || made_netns=yes
  "$bin/weftd" --remove >>"$log" 2>&1 || die "not everything could be removed:
$(tail -n 20 "$log")"
  [ -z "$made_netns" ] || drop_netns_directory
  rm -rf "$run" "$state"
}

case ${1-} in
  up | down) "$1" ;;
  *) echo "usage: $0 up|down" >&2; exit 2 ;;
esac
