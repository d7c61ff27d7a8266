#!/bin/bash
# Everything that weftd started can be ended with weftd gone: as it stands in
# docs/operations.md, by the kernel's own tools.
#
#   ending_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/weftd.sh"
documented() { sed -n '/^With weftd gone, and no binary/,/^Two things stay/p' "$here/../../docs/operations.md" | sed -n 's/^    //p'; }
[ "$(documented | wc -l)" -gt 20 ] || fail 'the way is not documented'

mkdir /run/work
# Beside the agreed state and what the pages say that stays; addresses of the link are verified meanwhile.
seen() { snapshot | grep -vE '^/run/(work|var-lib|weftd.log)|clsact|ip_local_reserved_ports|fe80:'; }
processes() { ps -e -o comm= --no-headers | grep -vE '^(ps|grep|sort|bash|.*_test.sh|cat|sed)$' | sort || true; }
seen >/run/work/before
processes >/run/work/processes-before

start_weftd
weft vpc create shop --cidr 10.20.0.0/16 >/dev/null
weft igw attach shop
weft route add shop/main 0.0.0.0/0 igw
weft subnet create a --vpc shop --cidr 10.20.1.0/24 >/dev/null
weft run --detach --name one --subnet shop/a --publish 8080:80 --restart always -- sleep 1000 >/dev/null
# One that doesn't want to end, with children of its own.
weft run --detach --name two --memory 64m -- bash -c 'trap "" TERM INT HUP; sleep 1001 & setsid sleep 1002 & wait; wait' >/dev/null
weft run --external --name three --subnet shop/a >/dev/null
three_run() { [ "$(ps -e -o args= | grep -cE '^sleep 100[012]$')" = 3 ]; }
until_true "$patience" three_run || fail 'the workloads do not run'
kill_weftd KILL
grep -q weft-shim <<<"$(processes)" || fail 'the workloads ended with weftd'

documented >/run/work/ending.sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin bash /run/work/ending.sh >/run/work/ended 2>&1 || true

same() { seen >/run/work/after && cmp -s /run/work/before /run/work/after; }
until_true 20 same || { diff -u /run/work/before /run/work/after >&2 || true; fail "something is left: $(cat /run/work/ended)"; }
processes >/run/work/processes-after
diff -u /run/work/processes-before /run/work/processes-after || fail 'processes are left'
[ -z "$(bpftool cgroup tree 2>/dev/null | grep -E 'connect[46]|sendmsg[46]')" ] || fail 'programs are left at the control groups'

# The agreed state is as it was: to a new weftd this was a restart of the machine.
start_weftd
first_runs() { grep -qxF 'sleep 1000' <<<"$(ps -e -o args=)"; }
until_true "$patience" first_runs || fail "what is always to run doesn't come back: $(weft ps --all)"

# With weftd there, a line is enough. The machine, which is in the list, stays.
line=$(sed -n '/^## Ending everything/,/^ends all workloads/s/^    //p' "$here/../../docs/operations.md")
[ -n "$line" ] || fail 'the short way is not documented'
bash -c "$line" >/run/work/line 2>&1 || true
[ "$(weft ps --all -o name)" = machine ] || fail "workloads are left: $(weft ps --all; cat /run/work/line)"
grep -qF 'machine is the machine itself' /run/work/line || fail "it says of the machine: $(cat /run/work/line)"
none_run() { ! ps -e -o args= | grep -qE '^sleep 100[012]$'; }
until_true 20 none_run || fail "processes are left: $(ps -e -o args=)"
