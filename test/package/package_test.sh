#!/bin/bash
# Makes the package out of BUILD/bin, holds its list of files against files.txt,
# installs and purges it in a copy of this system (an overlay in a mount and
# network namespace of its own) and looks at what it left.
#
#   package_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
if [ "${2-}" != inside ]; then exec unshare --mount --net --propagation private "$0" "$1" inside; fi
readonly build=$1

work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
trap 'umount -R -l "$work"; rmdir "$work"' EXIT
fail() { echo "package_test: $*" >&2; exit 1; }

deb=$("$here/../../tools/package.sh" "$build" "$work")

# Pages of single commands are as many as there are commands: one line stands for them.
dpkg-deb -c "$deb" | awk '$1 !~ /^d/ {print $1, $2, $6}' |
  sed -E 's,/man1/weft-[a-z-]+\.1\.gz,/man1/weft-*.1.gz,' | LC_ALL=C sort -u -k 3 >"$work/files.txt"
diff -u "$here/files.txt" "$work/files.txt" || fail 'the package has other files than test/package/files.txt says'

# A copy of the system: everything written goes to the tmpfs.
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount -t proc proc "$work/root/proc"
mount -t sysfs sysfs "$work/root/sys"
mount --rbind /dev "$work/root/dev"
mount -t tmpfs tmpfs "$work/root/run"
mount -t tmpfs tmpfs "$work/root/tmp"
cp "$deb" "$work/root/tmp/weft.deb"
in_copy() { chroot "$work/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
changed_files() { (cd "$work/upper" && find . ! -type d ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' | LC_ALL=C sort); }

in_copy dpkg --purge weft >/dev/null 2>&1 || true
rm -rf "$work/root/var/lib/weft"
changed_files >"$work/before"
in_copy dpkg --install /tmp/weft.deb || fail 'it does not install'
in_copy weft help >/dev/null || fail 'weft does not run'
in_copy man --warnings weft >/dev/null || fail 'there is no manual page'
in_copy bash -c '. /usr/share/bash-completion/completions/weft' || fail 'the completion is no bash'
in_copy getent group weft >/dev/null || fail 'there is no group weft'
for unit in weftd weftd@ weftd-control weftd-data; do
  [ -e "$work/root/lib/systemd/system/$unit.service" ] || fail "there is no unit $unit"
  if command -v systemd-analyze >/dev/null; then
    in_copy systemd-analyze verify "${unit/@/@other}.service" || fail "systemd finds fault with the unit $unit"
  fi
done
in_copy dpkg --install /tmp/weft.deb >/dev/null || fail 'it does not install over itself'
# An instance beside the default one goes with the package, too.
in_copy sh -c 'mkdir -p /var/lib/weft-other /run/weft-other && : >/var/lib/weft-other/state.db'
in_copy dpkg --purge weft || fail 'it does not purge'
[ ! -e "$work/root/run/weft-other" ] || fail 'an instance is left in /run'

# Backups of the group files are as they were, or hold the line that groupdel took.
changed_files | grep -vE '^\./(etc/(group|gshadow)-?|etc/\.pwd\.lock)$' >"$work/after" || true
diff "$work/before" "$work/after" || fail 'it left something, or took something'
! grep -q '^weft:' "$work/root/etc/group" || fail 'the group is left'
