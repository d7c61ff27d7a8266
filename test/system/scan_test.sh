#!/bin/bash
# Every port and every protocol of a TNI, of a gateway and of the instance's own
# namespace, from everywhere: what no rule opens is closed, and what one opens is
# open.
#
#   scan_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"

# scan WHERE FROM AT ADDRESS ARRIVED [ANSWERED]: exactly so; "closed" is nothing at all,
# "any" whatever it is: devices see what is dropped behind them. What answers may also be
# that all of it is refused, each port and protocol alike.
readonly closed='tcp none udp none other none'
readonly refused='tcp (none|1-65535) udp none other (none|1|58)'
scan() {
  local where=$1 arrived=${5/#closed/$closed} answered=${6:-} found
  found=$("$TOOLS/scan" "$2" "$3" "$4") || fail "$where: $found"
  [ "$arrived" = any ] || grep -qxF "arrived $arrived" <<<"$found" || fail "$where, $4: expected 'arrived $arrived', found:
$found"
  if [ "$answered" = closed ]; then answered=$refused; fi
  [ -z "$answered" ] || grep -qxE "answered $answered" <<<"$found" ||
    fail "$where, $4: expected 'answered $answered', found:
$found"
}

start_weftd
for vpc in shop twin; do
  weft vpc create "$vpc" --cidr 10.20.0.0/16 >/dev/null
  weft igw attach "$vpc"
  weft route add "$vpc/main" 0.0.0.0/0 igw
  weft route add "$vpc/main" ::/0 igw
  weft subnet create a --vpc "$vpc" --cidr 10.20.1.0/24 >/dev/null
  weft subnet create b --vpc "$vpc" --cidr 10.20.2.0/24 >/dev/null
  weft sg create target --vpc "$vpc" >/dev/null
done
weft sg create target >/dev/null # of the default VPC

target=$(place target --subnet shop/a --ip 10.20.1.10 --sg shop/target --publish 8080:80)
target6=$(field ip6 weft tni show shop/target)
near=$(place near --subnet shop/a --ip 10.20.1.20)
far=$(place far --subnet shop/b --ip 10.20.2.20)
# In the other VPC the same addresses exist, and belong to others.
twin=$(place twin --subnet twin/a --ip 10.20.1.20)
twin_target=$(place twin-target --subnet twin/a --ip 10.20.1.10 --sg twin/target)
default=$(place default --sg default/target)
default_ip=$(field ip weft tni show default/default)
# What leaves by a gateway is in the flow table: each of these is used for one such scan only.
guest=$(place guest --subnet shop/a)
guest2=$(place guest2 --subnet shop/a)
guest3=$(place guest3 --subnet shop/a)
gateway=$(field id weft vpc show shop)
gateway=weft-gw-${gateway#vpc-}
outside ip route add 10.20.0.0/16 via 192.0.2.10
outside ip route add 10.210.0.0/16 via 192.0.2.10
outside ip route add 169.254.64.0/24 via 192.0.2.10
outside ip -6 route add fd00::/8 via 2001:db8::10

everywhere_closed() {
  scan "$1: same subnet" "$near" "$target" 10.20.1.10 closed closed
  scan "$1: same subnet, IPv6" "$near" "$target" "$target6" closed closed
  scan "$1: another subnet" "$far" "$target" 10.20.1.10 closed closed
  scan "$1: another subnet, IPv6" "$far" "$target" "$target6" closed closed
}
# elsewhere_closed WHEN [ANSWERED]: the second is what the twin's own 10.20.1.10 answers.
elsewhere_closed() {
  scan "$1: a VPC with the same range" "$twin" "$target" 10.20.1.10 closed "${2:-closed}"
  scan "$1: a VPC with the same range, IPv6" "$twin" "$target" "$target6" closed closed
  scan "$1: the machine" - "$target" 10.20.1.10 closed closed
  scan "$1: outside" outside "$target" 10.20.1.10 closed closed
  scan "$1: outside, IPv6" outside "$target" "$target6" closed closed
}

# Nothing is open that no rule opens; the published port neither.
everywhere_closed 'no rule'
elsewhere_closed 'no rule'
scan 'no rule: by the published port' outside "$target" 192.0.2.10 closed
scan 'no rule: the machine into the default VPC' - "$default" "$default_ip" closed closed
scan 'no rule: another VPC into the default VPC' "$guest" "$default" "$default_ip" closed closed

# That the scan would find it: rules open some ports to some, and exactly these are found.
weft sg allow shop/target in tcp:80 0.0.0.0/0 >/dev/null
weft sg allow shop/target in tcp:65535 sg:shop/default >/dev/null
weft sg allow shop/target in udp:1 10.20.1.20/32 >/dev/null
weft sg allow shop/target in udp:4000-4010 10.20.2.0/24 >/dev/null
weft sg allow shop/target in 47 10.20.0.0/16 >/dev/null
weft sg allow shop/target in icmp:8 10.20.2.0/24 >/dev/null
# The twin's own target is open to the twin, and to it alone.
weft sg allow twin/target in tcp:22 0.0.0.0/0 >/dev/null
weft sg allow default/target in tcp:443 0.0.0.0/0 >/dev/null
scan 'rules: same subnet' "$near" "$target" 10.20.1.10 'tcp 80,65535 udp 1 other 47' 'tcp 80,65535 udp none other 1'
scan 'rules: same subnet, IPv6' "$near" "$target" "$target6" 'tcp 65535 udp none other none' 'tcp 65535 udp none other none'
scan 'rules: another subnet' "$far" "$target" 10.20.1.10 'tcp 80,65535 udp 4000-4010 other 1,47' 'tcp 80,65535 udp none other 1'
elsewhere_closed rules 'tcp 22 udp none other none'
scan 'rules: outside, by the published port' outside "$target" 192.0.2.10 'tcp 8080 udp none other none'
scan 'rules: the machine, by the published port' - "$target" 192.0.2.10 closed
scan 'rules: the twin' "$twin" "$twin_target" 10.20.1.10 'tcp 22 udp none other none' 'tcp 22 udp none other none'
scan 'rules: the machine into the default VPC' - "$default" "$default_ip" 'tcp 443 udp none other none' 'tcp 443 udp none other none'
scan 'rules: outside into the default VPC' outside "$default" "$default_ip" closed closed

# Gateways and the instance's own namespace: the resolver is passed on, from its
# port; nothing else answers, and nothing listens there.
for name in weft $(ip netns list | awk '/^weft-gw-/ {print $1}'); do
  listening=$(ip netns exec "$name" ss -Hlntuw)
  [ -z "$listening" ] || fail "in $name something listens: $listening"
done
inside=$(ip -o -4 address show dev weft0 | awk '{sub("/.*", "", $4); print $4}')
link=$(ip -n "$gateway" -o -4 address show dev out | awk '{sub("/.*", "", $4); print $4}')
machine_link=$(ip -o -4 address show dev weft-gw1 | awk '{sub("/.*", "", $4); print $4}')
scan 'a workload at its router' "$near" "$gateway" 10.20.1.1 closed closed
scan 'a workload at a reserved address' "$near" "$gateway" 10.20.1.3 closed closed
scan 'a workload at its resolver' "$near" "$gateway" 10.20.1.2 'tcp 53 udp 53 other none'
scan 'a workload at the gateway, on the far side' "$guest2" - "$link" closed closed
scan 'a workload at the machine, past its groups' "$guest3" - "$inside" any closed
redis-server --port 7301 --bind '* -::*' --protected-mode no --save '' --appendonly no >/dev/null &
served() { [ "$(redis-cli -h "$inside" -p 7301 PING 2>/dev/null)" = PONG ]; }
until_true "$patience" served || fail 'the machine has no server to be reached'
[ "$(ip netns exec "$guest3" timeout 2 redis-cli -h "$inside" -p 7301 PING 2>/dev/null)" != PONG ] ||
  fail 'a workload of another VPC reaches the machine past its groups'
# The machine's own programs call the published port there.
scan 'the machine at a gateway' - "$target" "$link" 'tcp 8080 udp none other none' 'tcp 8080 udp none other none'
scan 'the machine at a router' - "$near" 10.20.1.1 closed closed
scan 'outside at a gateway' outside "$gateway" "$link" closed closed
scan 'outside at the machine, past its groups' outside "$near" "$inside" closed closed
scan "outside at the machine's side of a gateway" outside "$near" "$machine_link" closed closed

# Networks that are no uplinks: a container's bridge, a VPN, a second card. The kernel
# takes what is for any address of the machine, whatever brings it.
beside() { ip netns exec beside "$@"; }
ip netns add beside
add_link() { # NUMBER
  ip link add "lan$1" type veth peer name "lan$1" netns beside
  ip address add "172.17.$1.1/24" dev "lan$1"
  ip address add "2001:db8:17:$1::1/64" dev "lan$1" nodad
  ip link set "lan$1" addrgenmode none up
  beside ip address add "172.17.$1.2/24" dev "lan$1"
  beside ip address add "2001:db8:17:$1::2/64" dev "lan$1" nodad
  beside ip link set "lan$1" up
  beside ip route replace default via "172.17.$1.1"
  beside ip -6 route replace default via "2001:db8:17:$1::1"
}
inside6=$(ip -o -6 address show dev weft0 scope global | awk '{sub("/.*", "", $4); print $4}')
machine_link6=$(ip -o -6 address show dev weft-gw1 scope global | awk '{sub("/.*", "", $4); print $4}')
redis-server --port 7300 --bind '* -::*' --protected-mode no --save '' --appendonly no >/dev/null &
pong_beside() { [ "$(beside timeout "$2" redis-cli -h "$1" -p 7300 PING 2>/dev/null)" = PONG ]; }
links_closed() { # WHEN
  local address
  for address in "$inside" "$inside6" "$machine_link" "$machine_link6"; do
    ! pong_beside "$address" 1 || fail "$1: beside reaches the machine at $address"
    scan "$1: beside at the machine" beside "$near" "$address" closed closed
  done
  [ "$(redis-cli -h "$inside" -p 7300 PING)" = PONG ] || fail "$1: the machine doesn't reach itself"
}
add_link 1
until_true "$patience" pong_beside 172.17.1.1 5 || fail 'the machine has no server to be reached'
links_closed 'a link that is no uplink'
nft flush ruleset
guarded() { nft list table inet weft >/dev/null 2>&1; }
until_true 30 guarded || fail 'the table that a flush took away is not back'
links_closed 'after a flush of all rules'

# The data path alone: with weftd gone all of it holds, and a rule that ends, ends.
weft sg allow shop/target in tcp:7 0.0.0.0/0 --for 2s >/dev/null
kill_weftd KILL
add_link 2
links_closed 'no weftd, a new link'
sleep 3.5 # deadlines are whole seconds
scan 'no weftd: same subnet' "$near" "$target" 10.20.1.10 'tcp 80,65535 udp 1 other 47' 'tcp 80,65535 udp none other 1'
scan 'no weftd: outside, by the published port' outside "$target" 192.0.2.10 'tcp 8080 udp none other none'
