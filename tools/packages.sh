#!/bin/bash
# Installs the Debian packages that are listed in the given files and missing.
#
# Their services are neither started now nor enabled for the next boot: a
# database that an example runs inside a VPC must not also run on the machine.
set -euo pipefail

listed() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@"; }

missing_of() {
  local package
  listed "$@" | while read -r package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || echo "$package"
  done
}

installed_packages() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u; }

# Says "no" to every start of a service while packages are installed.
readonly guard=/usr/sbin/policy-rc.d
readonly guard_mark='# made by weft tools/packages.sh'

raise_guard() {
  if [ -e "$guard" ] && ! grep -qxF "$guard_mark" "$guard"; then
    mv "$guard" "$guard.weft-saved"
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$guard_mark" >"$guard"
  chmod 755 "$guard"
}
lower_guard() {
  rm -f "$guard"
  [ ! -e "$guard.weft-saved" ] || mv "$guard.weft-saved" "$guard"
}

# Units and init scripts that a package brought, without their endings.
services_of() {
  dpkg -L "$1" | sed -nE 's,^(/usr)?/lib/systemd/system/([^/]+\.(service|socket|timer))$,\2,p; s,^/etc/init\.d/([^/]+)$,\1,p' |
    sort -u
}
disable_services_of() {
  local service
  for service in $(services_of "$1"); do
    case $service in
      *.service | *.socket | *.timer)
        if command -v systemctl >/dev/null; then systemctl --quiet disable "$service" 2>/dev/null || true; fi ;;
      *) if command -v update-rc.d >/dev/null; then update-rc.d "$service" disable >/dev/null 2>&1 || true; fi ;;
    esac
  done
}

before=
main() {
  local missing package
  mapfile -t missing < <(missing_of "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "missing packages: ${missing[*]}" >&2
    echo "install them as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    return 1
  fi
  echo "installing: ${missing[*]}" >&2
  before=$(mktemp)
  trap 'rm -f "$before"; lower_guard' EXIT
  installed_packages >"$before"
  raise_guard
  apt-get -q -o DPkg::Lock::Timeout=300 update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "${missing[@]}" >&2
  # Only what is new: what ran here before goes on.
  installed_packages | comm -13 "$before" - | while read -r package; do disable_services_of "$package"; done
}

[ $# -gt 0 ] || { echo "usage: $0 LIST..." >&2; exit 2; }
main "$@"
