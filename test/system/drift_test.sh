#!/bin/bash
# What somebody breaks behind weftd's back heals by itself, is an event, and the
# application goes on.
#
#   drift_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/up.sh"

up_into /run/up.log
web=$(weft ps --all | awk '$1 == "web" {print $NF}')
own() { ip netns exec weft "$@"; }
inside() { nsenter --net="/run/netns/weft-$web" "$@"; }
gateway() { nsenter --net="$(find /run/netns -name 'weft-gw-*' | head -n 1)" "$@"; }
answers() { outside curl -sf -m 1 http://192.0.2.10:8080/PING >/dev/null; }
repairs() { weft events 2>/dev/null | grep -c drift.repaired || true; }
more_repairs() { [ "$(repairs)" -gt "$1" ]; }

until_true 20 answers || fail 'the application does not answer'
device=$(own ip -o link show | grep -oE '^[0-9]+: t[0-9a-f]{14}' | sed -n '1s/.* //p')
[ -n "$device" ] || fail 'no TNI has a device'

# breaks SECONDS COMMAND...: it is broken, then whole again, told, and the application answers
breaks() {
  local seconds=$1 before
  shift
  before=$(repairs)
  "$@" || fail "cannot break: $*"
  until_true "$seconds" more_repairs "$before" || fail "nothing was repaired after: $*; $(weft events | tail -n 5)"
  until_true "$seconds" answers || fail "the application does not answer after: $*"
  # What somebody does twice in a row he waits for.
  sleep 1
}

breaks 30 inside ip link set eth0 down
breaks 30 inside ip route del default
breaks 30 inside ip link set eth0 mtu 900
breaks 30 own tc qdisc del dev "$device" ingress
breaks 30 own tc filter del block 1
breaks 30 own ip link del "$device"
breaks 30 bash -c 'bpftool map delete pinned /run/weft/bpf/v*/endpoints key hex $(printf "%02x " \
  $(bpftool -j map dump pinned /run/weft/bpf/v*/endpoints | grep -oE "\"key\":\[[^]]*" | head -n 1 | grep -oE "0x[0-9a-f]{2}"))'
breaks 30 bash -c 'rm /run/weft/bpf/v*/flows'
breaks 30 ip netns del "weft-$web"
breaks 30 gateway nft flush ruleset
breaks 30 gateway ip link set out down
breaks 30 bash -c 'ip netns del "$(ip netns list | awk "/^weft-gw-/ {print \$1; exit}")"'
breaks 30 tc qdisc del dev up0 clsact
breaks 30 nft delete table inet weft
[ "$(weft events | grep -c daemon.started)" = 1 ] || fail 'weftd was started again'
"$up" down >/dev/null
