#!/bin/bash
# What weftd says of a command line that it doesn't take.
#
#   usage_test.sh BUILD
set -euo pipefail
readonly weftd=$1/bin/weftd
fail() { echo "usage_test: $*" >&2; exit 1; }

# ends STATUS ARGUMENTS...
ends() {
  local wanted=$1 got=0
  shift
  timeout 60 "$weftd" "$@" >/dev/null 2>&1 || got=$?
  [ "$got" = "$wanted" ] || fail "weftd $* ended with $got, not $wanted"
}
ends 2 --nonsense
ends 2 --role nobody
ends 2 --socket
ends 2 too many words
ends 0 --help
ends 0 --version
