#!/bin/bash
# What a newcomer does: ./dev up, a look from outside, a weftd that dies, ./dev
# down. Afterwards the machine is as it was.
#
#   up_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/up.sh"
work=$(mktemp -d /run/up_test.XXXXXX) # on the machine's own tmpfs
exclude_work() { grep -v "^$work"; }
processes() { ps -e -o comm= --no-headers | grep -vE '^(ps|grep|sort|bash|up_test.sh|cat|sed)$' | sort || true; }

snapshot | exclude_work >"$work/before"
processes >"$work/processes-before"

up_into "$work/first"
grep -q '{"INCR":1}' "$work/first" || fail "the application didn't reach the database: $(cat "$work/first")"
grep -q 'ingress-denied' "$work/first" || fail "the denial has no reason: $(cat "$work/first")"

outside curl -sf -m 5 http://192.0.2.10:8080/INCR/visits | grep -q '{"INCR":2}' || fail 'the published port is closed to the outside'
! outside curl -s -m 2 http://192.0.2.10:6379/ || fail 'the database is open to the outside'
! outside bash -c 'ip route add 10.20.0.0/16 via 192.0.2.10 && curl -s -m 2 http://10.20.2.10:6379/' ||
  fail 'the database can be reached past the published ports'
outside ip route del 10.20.0.0/16

# Again, at once: nothing changes.
began=$SECONDS
up_into "$work/second"
[ $((SECONDS - began)) -lt 15 ] || fail 'the second up took longer than 15 s'
grep -q '{"INCR":3}' "$work/second" || fail 'the database was started again'

# weftd dies: nothing else notices, and a new one goes on.
kill -KILL "$(cat /run/weft/dev.pid)"
outside curl -sf -m 5 http://192.0.2.10:8080/INCR/visits | grep -q '{"INCR":4}' || fail 'the application died with weftd'
up_into "$work/third"
grep -q '{"INCR":5}' "$work/third" || fail 'the new weftd started the database again'
weft plan -f "$root/examples/two-tier.yaml" || fail 'the state is another one than that of the example'

"$up" down >"$work/down" 2>&1 || fail "down failed: $(cat "$work/down")"
# Namespaces go in the background.
same() { snapshot | exclude_work >"$work/after" && cmp -s "$work/before" "$work/after"; }
until_true 10 same || { diff -u "$work/before" "$work/after" >&2 || true; fail 'down left something'; }
processes >"$work/processes-after"
diff -u "$work/processes-before" "$work/processes-after" || fail 'down left processes'
"$up" down >/dev/null || fail 'a second down fails'

# On a machine that never had a named namespace, and through a power cycle: what the
# kernel held is gone, the state is there.
kernel_forgets() {
  local pid name
  kill -KILL "$(cat /run/weft/dev.pid)"
  for pid in $(sed -n 's/^shim //p' /run/weft/w/*/status); do kill -KILL "$pid"; done
  for name in $(ip netns list | sed -nE 's/^(weft[^ ]*).*/\1/p'); do ip netns delete "$name"; done
  nft delete table inet weft
  umount /run/weft/bpf
  rm -rf /run/weft
  no_namespaces
}
no_namespaces() { umount /run/netns && rmdir /run/netns; }
ip netns delete outside
no_namespaces || fail 'somebody has a named namespace'
up_into "$work/fourth"
weft stop stranger >/dev/null
up_into "$work/stopped"
kernel_forgets
up_into "$work/fifth"
grep -q '{"INCR":1}' "$work/fifth" || fail "the application doesn't reach the database after a restart: $(cat "$work/fifth")"
grep -q 'ingress-denied' "$work/fifth" || fail "the third process isn't denied after a restart: $(cat "$work/fifth")"
"$up" down >"$work/down" 2>&1 || fail "down failed: $(cat "$work/down")"
[ ! -e /run/netns ] || fail "down left /run/netns: $(ls -A /run/netns)"
