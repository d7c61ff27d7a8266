#!/bin/bash
# What weftd's door takes: many calls, stalled ones, too many connections, nonsense.
# It goes on serving, and its memory doesn't grow with it.
#
#   load_test.sh BUILD [SECONDS]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"
readonly seconds=${2:-5} most_growth_kb=65536

# AddressSanitizer keeps what was freed, 256 MB of it: that would be all one sees grow.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1:thread_local_quarantine_size_kb=64
start_weftd
weft vpc create shop --cidr 10.20.0.0/16 >/dev/null
weft subnet create a --vpc shop --cidr 10.20.1.0/24 >/dev/null
weft tni create one --subnet shop/a >/dev/null
for i in 0 1 2 3; do weft sg create "g$i" --vpc shop >/dev/null; done

memory() { awk '/^VmRSS:/ {print $2}' "/proc/$weftd/status"; }
descriptors() { find "/proc/$weftd/fd" -mindepth 1 | wc -l; }
"$TOOLS/load" /run/weft/weft.sock 1 >/dev/null || fail 'it was not served' # what grows once, has
before=$(memory) open=$(descriptors)
"$TOOLS/load" /run/weft/weft.sock "$seconds" || fail 'it was not served'
lives || fail "weftd ended: $(tail -n 20 "$weftd_log")"
echo "its memory went from $before to $(memory) KiB"
[ $(($(memory) - before)) -lt "$most_growth_kb" ] || fail "its memory grew from $before to $(memory) KiB"
closed() { [ "$(descriptors)" -le "$open" ]; }
until_true 20 closed || fail "$open descriptors were open, $(descriptors) are"
weft status >/dev/null || fail "not all is as wanted: $(weft status)"
