#!/bin/bash
# Makes the .deb package out of the programs in BUILD/bin.
#
#   tools/package.sh BUILD OUT
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
[ $# = 2 ] || { echo "usage: $0 BUILD OUT" >&2; exit 2; }
mkdir -p "$2"
bin=$(readlink -f "$1")/bin
out=$(readlink -f "$2")

version=$(sed -nE 's/^project\(weft VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
architecture=$(dpkg --print-architecture)
# The same sources give the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# Programs with sanitizers are packed by a test only: large, and full of paths.
sanitized='' compression=xz
if grep -qF __asan_init "$bin/weftd"; then sanitized=1 compression=none; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readonly tree=$work/tree

install_programs() {
  install -D -m 755 "$bin/weft" "$tree/usr/bin/weft"
  install -D -m 755 "$bin/weftd" "$tree/usr/libexec/weft/weftd"
  install -D -m 755 "$bin/weft-shim" "$tree/usr/libexec/weft/weft-shim"
  strip --strip-unneeded "$tree/usr/bin/weft" "$tree"/usr/libexec/weft/*
  # Where weftd really is, there it looks for weft-shim.
  install -d "$tree/usr/sbin"
  ln -s ../libexec/weft/weftd "$tree/usr/sbin/weftd"
  install -d "$tree/lib/systemd/system"
  install -m 644 packaging/weftd{,@,-control,-data}.service "$tree/lib/systemd/system/"
}

install_pages() {
  local man=$tree/usr/share/man doc=$tree/usr/share/doc/weft
  install -d "$man/man1" "$man/man8" "$doc/docs" "$doc/examples"
  "$bin/weft" man "$man/man1"
  install -m 644 packaging/weftd.8 "$man/man8/"
  install -m 644 packaging/debian/copyright "$doc/copyright"
  install -m 644 CHANGELOG.md "$doc/changelog"
  install -m 644 README.md "$doc/"
  install -m 644 docs/*.md "$doc/docs/"
  install -m 644 examples/* "$doc/examples/"
  find "$man" -type f -exec gzip -9n {} +
  gzip -9n "$doc/changelog"
}

install_completions() {
  local share=$tree/usr/share
  install -d "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
  "$bin/weft" completion bash >"$share/bash-completion/completions/weft"
  "$bin/weft" completion zsh >"$share/zsh/vendor-completions/_weft"
  "$bin/weft" completion fish >"$share/fish/vendor_completions.d/weft.fish"
}

# What the programs are linked to, as "libfmt9 (>= 9.1.0), ...".
libraries() {
  mkdir -p "$work/debian"
  : >"$work/debian/control"
  (cd "$work" && dpkg-shlibdeps --warnings=0 -O "$tree/usr/bin/weft" "$tree/usr/libexec/weft/weftd") | sed 's/^shlibs:Depends=//'
}

write_control() {
  mkdir -p "$tree/DEBIAN"
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@LIBRARIES@/$(libraries)/" \
    -e "s/@SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)/" packaging/debian/control.in \
    >"$tree/DEBIAN/control"
  install -m 755 packaging/debian/{postinst,prerm,postrm} "$tree/DEBIAN/"
  (cd "$tree" && find usr lib -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
}

install_programs
install_pages
install_completions
write_control
if [ -z "$sanitized" ] && grep -rlF "$PWD/" "$tree" >&2; then
  echo 'package: these have paths of the build in them: build them by ./dev build' >&2
  exit 1
fi
chmod -R u=rwX,go=rX "$tree"
dpkg-deb --root-owner-group "-Z$compression" --build "$tree" "$out/weft_${version}_$architecture.deb" >/dev/null
echo "$out/weft_${version}_$architecture.deb"
