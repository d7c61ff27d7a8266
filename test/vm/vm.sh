#!/bin/bash
# The proof `vm`: a machine of Debian 12, with its own kernel and systemd, made of
# Debian's packages and booted by qemu without KVM and without a network.
#
#   vm.sh BUILD [PHASE]...      install power suite
#
#   install   the package is installed, workloads are run, then the power is cut
#   power     the same disk is booted again: what must come back, comes back
#   suite     the system tests of BUILD, on a fresh disk
#
# inside.sh is what runs there, and prints a line for each check. The image is in
# build/vm, and made anew when the list of its packages has changed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(readlink -f "$1")
shift
readonly build
readonly vm=$PWD/build/vm
readonly boot_deadline=600 # until the first check begins; 20 s on an idle machine

# What the suite runs: all that loads BPF programs, talks to the kernel's network,
# or uses its control groups.
readonly suite=(src/os/{file,netlink,netns,process,sockets}_system_test
  src/datapath/{packet,datapath,borders,cut,drift,places,verdict}_system_test src/gateway/{gateways,gateways_life}_system_test
  src/diagnosis/{diagnosis,doctor}_system_test src/shim/shim_system_test src/runtime/runtime_system_test
  test/gateway/data_path_gateway_system_test)

die() { echo "vm: $*" >&2; exit 1; }

machine_pid=''
work=$(mktemp -d)
end() {
  [ -z "$machine_pid" ] || kill -KILL "$machine_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

packages() {
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' test/vm/image-packages.txt
  dpkg-deb -f "$work/files/weft.deb" Depends | tr ',' '\n' | sed -E 's/^ *([^ ]+).*/\1/'
}

# Where this machine's own apt gets Debian 12 from.
sources() {
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT) from $(ORIGIN)' 'Created-By: Packages' |
    sed -nE 's/^(deb [^ ]+ bookworm[^ ]* [^ ]+) from Debian$/\1/p' | sort -u
}

# The unit that starts inside.sh of the second disk; services of packages stay off.
configure() {
  local root=$1
  echo weft-vm >"$root/etc/hostname"
  echo '/dev/vda / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
  echo 'nameserver 192.0.2.1' >"$root/etc/resolv.conf"
  chroot "$root" systemctl --quiet disable redis-server.service webdis.service
  cat >"$root/etc/systemd/system/weft-vm.service" <<'UNIT'
[Unit]
Description=The checks of this machine
BindsTo=dev-vdb.device dev-virtio\x2dports-results.device
After=dev-vdb.device dev-virtio\x2dports-results.device
[Service]
Type=exec
ExecStart=/bin/bash -c 'mkdir -p /files && mount -o ro /dev/vdb /files && exec /files/inside.sh'
StandardOutput=file:/dev/virtio-ports/results
StandardError=inherit
[Install]
WantedBy=multi-user.target
UNIT
  chroot "$root" systemctl --quiet enable weft-vm.service
}

make_image() {
  local list key
  list=$(packages | sort -u)
  key=$( (echo "$list" && declare -f configure) | sha256sum)
  if [ "$(cat "$vm/key" 2>/dev/null)" = "$key" ]; then return; fi
  echo "making the image: $(wc -w <<<"$list") packages and what they depend on"
  rm -rf "$vm"
  mkdir -p "$vm"
  sources >"$work/sources"
  [ -s "$work/sources" ] || die "apt of this machine has no source of Debian 12 (bookworm): add one, then apt-get update"
  # shellcheck disable=SC2086
  mmdebstrap --quiet --variant=minbase --include="$(echo $list | tr ' ' ',')" bookworm "$vm/root" - <"$work/sources" ||
    die 'the image could not be made: see above'
  configure "$vm/root"
  cp "$vm"/root/boot/vmlinuz-* "$vm/kernel"
  cp "$vm"/root/boot/initrd.img-* "$vm/initrd"
  truncate -s 3G "$vm/image"
  mkfs.ext4 -q -d "$vm/root" "$vm/image"
  rm -rf "$vm/root"
  echo "$key" >"$vm/key"
}

collect_files() {
  mkdir -p "$work/files/suite"
  cp "$(tools/package.sh "$build" "$work")" "$work/files/weft.deb"
  cp test/vm/inside.sh examples/two-tier.yaml "$work/files/"
  # Tests know where the shim is that they were built with.
  echo "$build/bin/weft-shim" >"$work/files/shim-path"
  local test
  for test in "${suite[@]}"; do
    [ -x "$build/$test" ] || die "$build/$test is not built"
    strip -o "$work/files/suite/$(basename "$test")" "$build/$test"
  done
  truncate -s 256M "$work/files.image"
  mkfs.ext4 -q -d "$work/files" "$work/files.image"
}

fresh_disk() { qemu-img create -q -f qcow2 -b "$vm/image" -F raw "$vm/disk"; }

# power_on PHASE
power_on() {
  : >"$vm/$1.results"
  # Five levels of page tables only make the emulation slower. What starts in a second
  # on a processor takes half a minute here, more if the machine has other work.
  qemu-system-x86_64 -machine q35 -accel tcg -cpu max,la57=off -smp 2 -m 2048 -nic none -display none -no-reboot \
    -kernel "$vm/kernel" -initrd "$vm/initrd" -append "root=/dev/vda console=ttyS0 panic=-1 quiet systemd.default_timeout_start_sec=600 weft.phase=$1" \
    -drive "file=$vm/disk,if=virtio" -drive "file=$work/files.image,if=virtio,format=raw,readonly=on" \
    -device virtio-serial -chardev "file,id=results,path=$vm/$1.results" \
    -device virtserialport,chardev=results,name=results -serial "file:$vm/$1.console" </dev/null 9>&- &
  machine_pid=$!
}
cut_power() {
  kill -KILL "$machine_pid" 2>/dev/null || true
  wait "$machine_pid" 2>/dev/null || true
  machine_pid=''
}

# phase NAME SECONDS: powers on, passes on what the checks say, until they end.
phase() {
  local name=$1 shown=0 there failed=0 started=$SECONDS deadline=$((SECONDS + boot_deadline)) ended=''
  local results=$vm/$name.results
  power_on "$name"
  while [ -z "$ended" ]; do
    sleep 0.5
    there=$(wc -l <"$results")
    if [ "$there" -gt "$shown" ]; then
      [ "$shown" -gt 0 ] || deadline=$((SECONDS + $2))
      sed -n "$((shown + 1)),${there}s/^/$name: /p" "$results"
      shown=$there
    fi
    if grep -qx END "$results"; then
      ended=1
    elif ! kill -0 "$machine_pid" 2>/dev/null; then
      ended=1 failed=1
      echo "vm: the machine ended by itself"
    elif [ "$SECONDS" -ge "$deadline" ]; then
      ended=1 failed=1
      echo "vm: not finished in time"
    fi
  done
  cut_power
  if grep -q '^FAILED' "$results"; then failed=1; fi
  grep -q '^ok' "$results" || failed=1
  [ "$failed" = 0 ] || { tail -n 30 "$vm/$name.console"; die "phase $name failed; $results and $name.console have the rest"; }
  echo "$name: $(grep -c '^ok' "$results") checks in $((SECONDS - started)) s"
}

[ $# -gt 0 ] || set -- install power suite
# One at a time: they share the disk.
mkdir -p build
exec 9>build/vm.lock
flock -n 9 || die 'another one is running'
collect_files
make_image
for name in "$@"; do
  case $name in
    install) fresh_disk && phase install 1800 ;;
    power)
      [ -e "$vm/disk" ] || die 'power needs the disk that install leaves: vm.sh BUILD install power'
      phase power 1200
      ;;
    suite) fresh_disk && phase suite 7200 ;;
    *) die "there is no phase '$name': install power suite" ;;
  esac
done
rm -f "$vm/disk"
