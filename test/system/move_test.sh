#!/bin/bash
# A TNI moves back and forth: what it owns goes with it, it is in one place at a
# time, and nothing is left behind.
#
#   move_test.sh BUILD [MOVES]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"
readonly moves=${2:-1000}

start_weftd
weft vpc create shop --cidr 10.20.0.0/16 >/dev/null
weft subnet create a --vpc shop --cidr 10.20.1.0/24 >/dev/null
weft sg create open --vpc shop >/dev/null
weft sg create more --vpc shop >/dev/null
weft subnet create b --vpc shop --cidr 10.20.2.0/24 >/dev/null
weft sg allow shop/open in udp 0.0.0.0/0 >/dev/null
weft sg allow shop/open in icmp 0.0.0.0/0 >/dev/null
weft sg allow shop/open in icmpv6 ::/0 >/dev/null
weft tni create mover --subnet shop/a --ip 10.20.1.10 --ip 10.20.1.11 --sg shop/open --sg shop/more >/dev/null
neighbour=$(place neighbour --subnet shop/a)
one=$(place one --subnet shop/a)
two=$(place two --subnet shop/a)
far=$(place far --subnet shop/b)
weft tni attach shop/mover two >/dev/null

# Two interfaces of one subnet in one workload: each answers from each of its addresses.
for address in $(field ip weft tni show shop/two) $(field ip6 weft tni show shop/two) 10.20.1.10 10.20.1.11 \
  $(field ip6 weft tni show shop/mover); do
  for from in "$neighbour" "$far"; do
    ip netns exec "$from" ping -c 1 -W 5 "$address" >/dev/null || fail "$address doesn't answer $from"
  done
done

# All of an interface that moves with it, and that must be as before after an even
# number of moves. What each attachment makes anew: epoch, salt, index, counters.
owned() { weft tni show shop/mover -o yaml | grep -vE '^epoch:|^ +(packets|bytes|drops|flows)'; }
without_new() { sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/ifindex [0-9]+//; s/alias (tni-[^ ]*) .*/alias \1/; s/ qlen [0-9]+//'; }
maps() {
  local map
  for map in endpoints gateways ranges; do
    echo "## $map"
    bpftool map dump pinned "/run/weft/bpf/v1/$map" | grep -c '"kind":\|"value":' || true
  done
}
left() {
  owned
  local name
  for name in $(ip netns list | awk '/^weft/ {print $1}' | sort); do
    echo "## $name"
    ip -n "$name" -o -d link show | without_new | sort
    ip -n "$name" -o address show | without_new | sort
    ip -n "$name" -4 route show table all | sort
    ip -n "$name" -6 route show table all | sed '/^fe80\|^multicast\|^anycast/d' | sort
    ip -n "$name" neighbour show nud permanent | sort
    ip -n "$name" rule show
  done
  maps
  ls /run/weft/w /run/weft/resolv
}

left >/run/before
"$TOOLS/moves" /run/weft/weft.sock shop/mover 10.20.1.10 "$neighbour" "${one#weft-}" "${two#weft-}" "$moves" ||
  fail "it doesn't move $moves times: $(weft status | tail -n 3)"
same() { left >/run/after && cmp -s /run/before /run/after; }
until_true 20 same || { diff -u /run/before /run/after >&2 || true; fail 'moving left something'; }
[ "$(field workload_name weft tni show shop/mover)" = two ] || fail 'it is not where it moved to'
weft status >/dev/null || fail "not all is as wanted: $(weft status)"
