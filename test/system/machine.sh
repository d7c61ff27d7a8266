# shellcheck shell=bash
# A machine made of namespaces, to be sourced first by a test that needs one:
#
#   . machine.sh        # from here on the script runs inside
#
# Inside are an own network with an uplink to a namespace `outside`, own process
# ids, mounts and control groups, an empty /run, and a /var/lib whose changes are
# thrown away. When the script ends, so does everything in it.
#
#   192.0.2.10, 2001:db8::10    the machine, on its uplink
#   192.0.2.1,  2001:db8::1     outside: the router, the resolver, the world

# Where control groups are mounted, version 1 and 2. (A group of cpuset takes no
# process before it is told more.)
hierarchies() { awk '$3 ~ /^cgroup2?$/ && $4 !~ /cpuset/ {print $2}' /proc/self/mounts | sort -u; }

if [ -z "${WEFT_TEST_MACHINE-}" ]; then
  export WEFT_TEST_MACHINE=machine-$$
  for hierarchy in $(hierarchies); do mkdir "$hierarchy/$WEFT_TEST_MACHINE"; done
  code=0
  (
    for hierarchy in $(hierarchies); do echo "$BASHPID" >"$hierarchy/$WEFT_TEST_MACHINE/cgroup.procs"; done
    exec unshare --net --mount --uts --ipc --pid --cgroup --fork --kill-child --mount-proc --propagation private \
      "$0" "$@"
  ) || code=$?
  for hierarchy in $(hierarchies); do
    find "$hierarchy/$WEFT_TEST_MACHINE" -depth -type d -exec rmdir {} + || code=1
  done
  exit "$code"
fi

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }

# until_true SECONDS COMMAND...
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

outside() { ip netns exec outside "$@"; }

make_machine() {
  mount -t tmpfs -o mode=755 tmpfs /run
  # What is written to /var/lib goes away with the machine; what packages have there is seen.
  mkdir /run/var-lib /run/var-lib/upper /run/var-lib/work
  mount -t overlay -o lowerdir=/var/lib,upperdir=/run/var-lib/upper,workdir=/run/var-lib/work overlay /var/lib
  echo 'nameserver 192.0.2.1' >/run/resolv.conf
  mount --bind /run/resolv.conf "$(readlink -f /etc/resolv.conf)"
  hostname machine
  local hierarchy
  for hierarchy in $(hierarchies); do mount --bind "$hierarchy/$WEFT_TEST_MACHINE" "$hierarchy"; done

  ip link set lo up
  ip netns add outside
  ip link add up0 type veth peer name up1 netns outside
  ip address add 192.0.2.10/24 dev up0
  ip address add 2001:db8::10/64 dev up0 nodad
  ip link set up0 addrgenmode none up
  outside ip link set lo up
  outside ip address add 192.0.2.1/24 dev up1
  outside ip address add 2001:db8::1/64 dev up1 nodad
  outside ip link set up1 up
  ip route add default via 192.0.2.1
  ip -6 route add default via 2001:db8::1
}

# All that could be left on the machine, as text. Processes and what the kernel
# changes by itself are not in it.
snapshot() {
  echo '## links' && ip -o -d link show | sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/ (gso|gro|tso)_[a-z0-9_]+ [0-9]+//g'
  echo '## addresses' && ip -o address show | sed -E 's/^[0-9]+: //; s/(valid|preferred)_lft [0-9a-z]+//g; s/ tentative//'
  echo '## routes' && ip -4 route show table all && ip -6 route show table all
  echo '## rules' && ip -4 rule show && ip -6 rule show
  echo '## neighbours' && ip neighbour show nud permanent
  echo '## firewall' && nft list ruleset
  echo '## filters'
  local device
  for device in $(ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/\1/'); do
    tc qdisc show dev "$device"
    tc filter show dev "$device" ingress 2>/dev/null || true
    tc filter show dev "$device" egress 2>/dev/null || true
  done
  echo '## settings' && sysctl -a 2>/dev/null | grep '^net\.' | grep -vE 'nf_conntrack_(count|max|buckets)|\.(flush|tcp_fastopen_key)'
  echo '## namespaces' && ip netns list | sort
  echo '## mounts' && sort /proc/self/mounts
  echo '## control groups' && find /sys/fs/cgroup -type d -path '*weft*' 2>/dev/null | sort
  echo '## programs at control groups' && bpftool cgroup tree 2>/dev/null | awk 'NF > 1 {print $2, $3, $4}'
  echo '## files' && find /run -printf '%p %m %u %g\n' 2>/dev/null | sort
}

make_machine
