#!/bin/bash
# The disk of the agreed state: full, read-only, damaged, and weftd killed while it
# writes. Traffic and workloads don't notice; what was acknowledged is kept.
#
#   disk_test.sh BUILD [ROUNDS]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"
readonly rounds=${2:-20} state=/run/small

mkdir "$state"
mount -t tmpfs -o size=4m,mode=700 tmpfs "$state"
start() { start_weftd --state-directory "$state"; }
start
weft vpc create shop --cidr 10.20.0.0/16 >/dev/null
weft subnet create a --vpc shop --cidr 10.20.1.0/24 >/dev/null
weft run --detach --name server --subnet shop/a --ip 10.20.1.10 --workdir /tmp -- \
  redis-server --bind '* -::*' --protected-mode no --save '' --appendonly no >/dev/null
client=$(place client --subnet shop/a)
serves() { [ "$(ip netns exec "$client" timeout 5 redis-cli -h 10.20.1.10 PING 2>/dev/null)" = PONG ]; }
until_true "$patience" serves || fail 'the server does not answer'
pid_of_server() { field pid weft inspect server; }
server=$(pid_of_server)
unharmed() { serves || fail "$1: traffic stopped"; kill -0 "$server" || fail "$1: the workload ended"; }

# Full: refused with the reason, and nothing of it has happened.
until ! head -c 4096 /dev/zero 2>/dev/null >>"$state/ballast" 2>/dev/null; do :; done
truncate -s -256K "$state/ballast"
count=0
while out=$(weft pl create "full-$count" 192.0.2.0/24 2>&1); do
  count=$((count + 1))
  [ "$count" -lt 2000 ] || fail 'the disk never fills up'
done
grep -q 'disk is full' <<<"$out" || fail "a full disk says: $out"
refused 3 '' weft pl show "full-$count"
refused 6 'disk is full' weft pl create again 192.0.2.0/24
refused 11 'read-only' weft status
weft pl ls >/dev/null || fail 'nothing can be read while the disk is full'
unharmed 'full disk'
kill_weftd KILL # and it comes back with a full disk
start
grep -qxF "full-$((count - 1))" <<<"$(weft pl ls -o name)" || fail 'what was kept before the disk was full is lost'
refused 6 'disk is full' weft pl create again 192.0.2.0/24
unharmed 'restart on a full disk'
rm "$state/ballast"
writable() { weft pl create again 192.0.2.0/24 >/dev/null 2>&1; }
until_true 20 writable || fail "nothing can be written although there is room: $(weft pl create again 192.0.2.0/24 2>&1)"
healed() { weft status >/dev/null 2>&1; }
until_true 20 healed || fail "there is room again, and still: $(weft status)"

# Read-only: weftd says so and ends; everything goes on without it, and with it once it can.
kill_weftd
mount -o remount,ro "$state"
code=0
timeout "$patience" "$WEFT_BIN/weftd" --state-directory "$state" >/run/read-only.log 2>&1 || code=$?
[ "$code" = 1 ] || fail "on a read-only disk weftd ended with $code: $(cat /run/read-only.log)"
grep -qi 'read-only' /run/read-only.log || fail "a read-only disk says: $(cat /run/read-only.log)"
unharmed 'read-only disk'
mount -o remount,rw "$state"

# Damaged: nothing is repaired by guessing.
cp -a "$state" /run/copy
head -c 16384 /dev/urandom | dd of="$state/state.db" bs=4096 seek=1 conv=notrunc status=none
rm -f "$state"/state.db-wal
code=0
timeout "$patience" "$WEFT_BIN/weftd" --state-directory "$state" >/run/damaged.log 2>&1 || code=$?
[ "$code" = 1 ] || fail "with a damaged state weftd ended with $code: $(cat /run/damaged.log)"
grep -q 'state.db' /run/damaged.log || fail "a damaged state says: $(cat /run/damaged.log)"
unharmed 'damaged state'
rm -rf "${state:?}"/*
cp -a /run/copy/. "$state"
start
unharmed 'the copy put back'
[ "$(pid_of_server)" = "$server" ] || fail 'the workload was started again'

# Killed at any moment while it writes: what was acknowledged is there.
mount -o remount,size=64m "$state"
: >/run/acknowledged
for round in $(seq "$rounds"); do
  "$TOOLS/writes" /run/weft/weft.sock "r$round" /run/acknowledged &
  writer=$!
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  kill_weftd KILL
  wait "$writer" || fail 'the writer failed'
  start
done
sort /run/acknowledged >/run/wanted
weft pl ls -o name | sort >/run/kept
[ "$(wc -l </run/wanted)" -gt "$rounds" ] || fail "only $(wc -l </run/wanted) writes were acknowledged"
lost=$(comm -23 /run/wanted /run/kept | head -n 5)
[ -z "$lost" ] || fail "acknowledged, and lost: $lost"
unharmed "$rounds times killed"
[ "$(pid_of_server)" = "$server" ] || fail 'the workload was started again'
