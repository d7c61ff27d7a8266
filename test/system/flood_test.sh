#!/bin/bash
# A TNI that opens flows without end fills its share of the flow table, and no
# other's: old flows of others go on, new ones begin. Afterwards it is as before.
#
#   flood_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"

start_weftd
weft vpc create shop --cidr 10.20.0.0/16 >/dev/null
weft subnet create a --vpc shop --cidr 10.20.1.0/24 >/dev/null
weft sg create open --vpc shop >/dev/null
weft sg allow shop/open in all 0.0.0.0/0 >/dev/null
weft run --detach --name server --subnet shop/a --ip 10.20.1.10 --workdir /tmp -- \
  redis-server --bind '* -::*' --protected-mode no --save '' --appendonly no >/dev/null
flooder=$(place flooder --subnet shop/a)
client=$(place client --subnet shop/a)
other=$(place other --subnet shop/a)
sink=$(place sink --subnet shop/a --ip 10.20.1.20 --sg shop/open)
weft tni set shop/flooder --udp-one-way 10s # so that the end of it comes soon

ping_from() { [ "$(ip netns exec "$1" timeout 5 redis-cli -h 10.20.1.10 PING 2>/dev/null)" = PONG ]; }
flows_of() { weft tni show "shop/$1" -o yaml | sed -nE 's/^  flows: //p'; }
drops_with() { [ "$(weft flows --verdict drop --tni "shop/$2" --since 1m | grep -c " $1\$")" -gt 0 ]; }
until_true "$patience" ping_from "$client" || fail "the server doesn't answer: $(weft logs server)"

# An open connection; its number stays the same as long as it is that one.
coproc old { ip netns exec "$client" stdbuf -oL redis-cli -h 10.20.1.10; }
ask_old() { echo 'CLIENT ID' >&"${old[1]}" && read -r -t 10 -u "${old[0]}" number && echo "$number"; }
connection=$(ask_old) || fail 'the connection to the server is not open'

"$TOOLS/flood" "$flooder" 10.20.1.20 20 >/run/flood.log &
flood=$!
until_true 14 drops_with flow-quota flooder || fail "no flow-quota for the flood: $(weft flows --verdict drop | tail -n 5)"
[ "$(flows_of flooder)" -gt 150000 ] || fail "its share is $(flows_of flooder) flows only"

[ "$(ask_old)" = "$connection" ] || fail "another's old flow ended with the flood"
for _ in $(seq 20); do ping_from "$client" || fail "another's new flow was refused during the flood"; done
found=$("$TOOLS/scan" "$other" "$sink" 10.20.1.20) || fail "the scan failed: $found"
# (Without ICMPv6: in IPv4 it is malformed.)
grep -q '^arrived tcp 1-65535 udp 1-65535 other 0-5,7-16,18-57,59-255$' <<<"$found" ||
  fail "not all of another's 131,000 new flows passed during the flood: $found"
! drops_with flow-quota client || fail 'another paid for the flood'
[ "$(ask_old)" = "$connection" ] || fail "another's old flow ended with the flood"
kill -0 "$flood" 2>/dev/null || echo 'flood_test.sh: the flood was over early: the machine is slow' >&2
wait "$flood" || fail 'the flood ended early'
[ "$(ask_old)" = "$connection" ] || fail "another's old flow ended with the flood"

until_true 40 ping_from "$flooder" || fail 'the flooder has no new flows after its old ones are over'
few_flows() { [ "$(flows_of flooder)" -lt 100 ]; }
until_true 40 few_flows || fail "$(flows_of flooder) flows of the flood are left"
