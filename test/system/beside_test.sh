#!/bin/bash
# Two instances of weftd in one network namespace, beside rules of Docker's kind and
# a firewall that drops: each works, none loses a rule, and whatever becomes of one
# instance the other doesn't notice.
#
#   beside_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"

readonly instances=(weft weft-second)
declare -A flags=([weft]='' [weft-second]='--instance second') running
of() { WEFT_SOCKET=/run/$1/weft.sock weft "${@:2}"; } # INSTANCE ARGUMENT...
is_well() { of "$1" status >/dev/null 2>&1; }
start() { # INSTANCE...: at the same time
  local instance
  for instance; do
    # shellcheck disable=SC2086 # two words
    "$WEFT_BIN/weftd" ${flags[$instance]} >>"/run/$instance.log" 2>&1 &
    running[$instance]=$!
  done
  for instance; do
    until_true "$patience" is_well "$instance" ||
      fail "$instance is not well: $(of "$instance" status; tail -n 20 "/run/$instance.log")"
  done
}
stop() { # SIGNAL INSTANCE...
  local instance
  for instance in "${@:2}"; do
    kill "-$1" "${running[$instance]}"
    wait "${running[$instance]}" 2>/dev/null || true
  done
}
remove() { # INSTANCE
  stop TERM "$1"
  # shellcheck disable=SC2086
  "$WEFT_BIN/weftd" ${flags[$1]} --remove >>"/run/$1.log" 2>&1 || fail "$1 is not removed: $(tail "/run/$1.log")"
}
readonly outside=(ip netns exec outside)
is_pong() { [ "$(timeout 10 "$@" PING 2>/dev/null)" = PONG ]; }
is_silent() { ! timeout 1 "$@" PING >/dev/null 2>&1; }
serve() { "${@:2}" redis-server --port "$1" --bind 0.0.0.0 --protected-mode no --save '' --appendonly no >/dev/null & }

# Others on the machine: a bridge with a container that publishes a port, a firewall
# that lets in and through nothing but that, and a server that it hides.
mkdir /run/work
ip link add docker0 type bridge
ip address add 172.17.0.1/16 dev docker0
ip link set docker0 up addrgenmode none
ip netns add box
ip link add box0 type veth peer name eth0 netns box
ip link set box0 master docker0 up addrgenmode none
ip -n box link set lo up
ip -n box address add 172.17.0.2/16 dev eth0
ip -n box link set eth0 up
ip -n box route add default via 172.17.0.1
sysctl -qw net.ipv4.ip_forward=1
iptables-restore <<'rules'
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 9000 -j DNAT --to-destination 172.17.0.2:9000
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 9000 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
rules
nft -f - <<'rules'
table inet fw {
  chain input {
    type filter hook input priority 0; policy drop;
    iif lo accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname docker0 oifname up0 accept
    oifname docker0 ct status dnat accept
  }
}
rules
serve 9000 ip netns exec box
serve 7100 env
serve 7200 ip netns exec outside

# Rules of others: all but the tables that docs/operations.md names.
rules_of_others() {
  local table
  nft list tables | grep -vE '^table inet weft(-second)?$' | while read -r table; do nft -s list "$table" 2>/dev/null; done
  for table in iptables-save ip6tables-save; do "$table" 2>/dev/null | sed -E '/^#/d; s/\[[0-9:]+\]//'; done
}
others_work() {
  is_pong "${outside[@]}" redis-cli -h 192.0.2.10 -p 9000 || fail "$1: the container's port is closed"
  is_pong ip netns exec box redis-cli -h 192.0.2.1 -p 7200 || fail "$1: the container has no way out"
  is_pong redis-cli -h 192.0.2.10 -p 7100 || fail "$1: the machine's own server doesn't answer the machine"
  is_silent "${outside[@]}" redis-cli -h 192.0.2.10 -p 7100 || fail "$1: the firewall lets in what it should drop"
  rules_of_others >/run/work/rules
  diff -u /run/work/rules-before /run/work/rules || fail "$1: rules of others are not as they were"
}
seen() {
  snapshot 2>/dev/null | sed -E 's/counter packets [0-9]+ bytes [0-9]+/counter/; s/_timer +[0-9.]+//g' |
    grep -vE '^/run/(work|var-lib|weft.*\.log)|^172\.17\.|fe80:|^/run/netns [0-9]+ '
}
until_true "$patience" is_pong "${outside[@]}" redis-cli -h 192.0.2.10 -p 9000 || fail 'the container does not come up'
rules_of_others >/run/work/rules-before
others_work before
seen >/run/work/before

echo '# two instances: each has VPCs, of the same names and ranges where they are given'
start "${instances[@]}"
declare -A port=([weft]=8081 [weft-second]=8082) near plain
server=(redis-server --bind '* -::*' --protected-mode no --save '' --appendonly no)
for instance in "${instances[@]}"; do
  of "$instance" vpc create shop --cidr 10.20.0.0/16 --cidr6 none >/dev/null
  of "$instance" igw attach shop
  of "$instance" route add shop/main 0.0.0.0/0 igw
  of "$instance" subnet create a --vpc shop --cidr 10.20.1.0/24 >/dev/null
  of "$instance" sg allow shop/default in tcp:6379 0.0.0.0/0 >/dev/null
  of "$instance" run --detach --name server --subnet shop/a --ip 10.20.1.10 --publish "${port[$instance]}:6379" \
    --workdir /tmp --restart always -- "${server[@]}" >/dev/null
  of "$instance" run --detach --name plain --workdir /tmp --restart always -- "${server[@]}" >/dev/null
  near[$instance]=$instance-$(of "$instance" run --external --name near --subnet shop/a --ip 10.20.1.20)
  plain[$instance]=$(field ip of "$instance" tni show default/plain)
done
[ "${plain[weft]%.*.*}" != "${plain[weft-second]%.*.*}" ] || fail "both default VPCs are ${plain[weft]%.*.*}.0.0/16"

comes_up() { # INSTANCE
  until_true "$patience" is_pong ip netns exec "${near[$1]}" redis-cli -h 10.20.1.10 &&
    until_true "$patience" is_pong redis-cli -h "${plain[$1]}" &&
    ip netns exec "${near[$1]}" redis-cli -h 10.20.1.10 SET who "$1" >/dev/null
}
for instance in "${instances[@]}"; do comes_up "$instance" || fail "$instance doesn't come up: $(of "$instance" ps)"; done

# Whoever asks, wherever from, gets to the right one.
answers_itself() { [ "$(timeout 10 "${@:2}" GET who 2>/dev/null)" = "$1" ]; }
carries() { # INSTANCE WHEN
  local own=${near[$1]} opened=${port[$1]}
  answers_itself "$1" ip netns exec "$own" redis-cli -h 10.20.1.10 || fail "$2: $1: inside its VPC"
  answers_itself "$1" "${outside[@]}" redis-cli -h 192.0.2.10 -p "$opened" || fail "$2: $1: its published port, from outside"
  answers_itself "$1" redis-cli -h 127.0.0.1 -p "$opened" || fail "$2: $1: its published port, from the machine"
  answers_itself "$1" ip netns exec "$own" redis-cli -h 192.0.2.10 -p "$opened" || fail "$2: $1: its published port, from inside"
  is_pong ip netns exec "$own" redis-cli -h 192.0.2.1 -p 7200 || fail "$2: $1: no way out"
  is_pong redis-cli -h "${plain[$1]}" || fail "$2: $1: the machine doesn't reach its default VPC"
}
all_works() { # WHEN
  local instance
  for instance in "${instances[@]}"; do
    carries "$instance" "$1"
    is_well "$instance" || fail "$1: $(of "$instance" status)"
  done
  others_work "$1"
}
all_works 'two instances'

echo '# neither gets into the other'
for pair in 'weft weft-second' 'weft-second weft'; do
  read -r one two <<<"$pair"
  machine=$(field ip of "$two" tni show default/machine)
  is_silent ip netns exec "${near[$one]}" redis-cli -h "${plain[$two]}" || fail "$one reaches the default VPC of $two"
  is_silent ip netns exec "${near[$one]}" redis-cli -h "$machine" -p 7100 || fail "$one reaches the machine as $two knows it"
  is_silent "${outside[@]}" redis-cli -h "$machine" -p 7100 || fail "outside reaches the machine as $two knows it"
done

echo '# no two have the same part of the machine'
parts() { ip -o link show | sed -nE "s/.*alias vpc-[0-9a-f]+ [0-9]+ $1.*/\1/p" | sort -u | wc -l; }
[ "$(parts '([0-9]+) [0-9]+-[0-9]+')" = 2 ] || fail "the instances share addresses: $(ip -o link show)"
[ "$(parts '[0-9]+ ([0-9]+-[0-9]+)')" = 4 ] || fail "VPCs share ports: $(ip -o link show)"

# Traffic of instances, and what it lost.
pings=()
begin_traffic() { # INSTANCE...
  local instance
  for instance; do
    ip netns exec "${near[$instance]}" ping -i 0.01 -q 10.20.1.10 >"/run/work/ping.$instance.inside" & pings+=($!)
    ip netns exec "${near[$instance]}" ping -i 0.01 -q 192.0.2.1 >"/run/work/ping.$instance.out" & pings+=($!)
    ping -i 0.01 -q "${plain[$instance]}" >"/run/work/ping.$instance.machine" & pings+=($!)
  done
}
end_traffic() { # WHEN
  local file
  kill -INT "${pings[@]}"
  wait "${pings[@]}" || true
  pings=()
  for file in /run/work/ping.*; do
    grep -q ' 0% packet loss' "$file" || fail "$1: packets were lost: $file: $(cat "$file")"
    rm "$file"
  done
}

for killed in weft weft-second 'weft weft-second'; do
  echo "# kill -9 and a restart: $killed"
  read -ra each <<<"$killed"
  begin_traffic "${instances[@]}"
  stop KILL "${each[@]}"
  for instance in "${instances[@]}"; do carries "$instance" "without $killed"; done
  others_work "without $killed"
  start "${each[@]}"
  all_works "after the restart of $killed"
  end_traffic "the restart of $killed"
done

# None took anything from the other, or from anybody: there was nothing to repair.
for instance in "${instances[@]}"; do
  ! grep drift.repaired <<<"$(of "$instance" events)" || fail "$instance repaired something"
done

for pair in 'weft weft-second' 'weft-second weft'; do
  read -r gone stays <<<"$pair"
  echo "# $gone is removed: $stays goes on; it comes back"
  begin_traffic "$stays"
  remove "$gone"
  carries "$stays" "without $gone"
  is_well "$stays" || fail "without $gone: $(of "$stays" status)"
  others_work "without $gone"
  is_silent "${outside[@]}" redis-cli -h 192.0.2.10 -p "${port[$gone]}" || fail "what $gone published is open"
  start "$gone"
  comes_up "$gone" || fail "$gone doesn't come back: $(of "$gone" ps)"
  all_works "after the return of $gone"
  end_traffic "the removal of $gone"
done

echo '# both go'
for instance in "${instances[@]}"; do remove "$instance"; done
others_work after
same() { seen >/run/work/after && cmp -s /run/work/before /run/work/after; }
until_true 20 same || { diff -u /run/work/before /run/work/after >&2 || true; fail 'something is left'; }
! grep -hE 'Sanitizer|runtime error' /run/weft*.log || fail 'a process ended badly'
