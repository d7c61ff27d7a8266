# shellcheck shell=bash
# `./dev up` on the machine of machine.sh, to be sourced after it. BUILD is the
# folder of the build that is tested.
export WEFT_BIN=$BUILD/bin PATH=$BUILD/bin:$PATH NO_COLOR=1
root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
readonly root
readonly up=$root/tools/up.sh

# up_into FILE: what it shows is there
up_into() { "$up" up >"$1" 2>&1 || fail "up failed: $(cat "$1")"; }
