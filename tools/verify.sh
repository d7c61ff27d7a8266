#!/bin/bash
# The long proofs, one after the other: more steps of the three verdicts than the
# tests take, seeded mutants, races, the built programs under longer pressure, each
# parser's fuzzer, and a virtual machine with Debian 12's own kernel. Each can be named:
#
#   tools/verify.sh [verdicts] [mutants] [races] [system] [fuzz] [vm]
#
# WEFT_STEPS (10,000,000), WEFT_SEED (a new one), WEFT_FUZZ_SECONDS (600, for each
# parser). What is found is in build/verify.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
readonly found=$PWD/build/verify
readonly jobs=${WEFT_JOBS:-$(nproc)}
mkdir -p "$found"

build() {
  local preset=$1
  shift
  [ "build/$preset/build.ninja" -nt CMakePresets.json ] || cmake --preset "$preset" >/dev/null
  ninja -C "build/$preset" -j "$jobs" "$@"
}

verdicts() {
  build verify
  WEFT_STEPS=${WEFT_STEPS:-10000000} build/verify/src/datapath/verdict_system_test
}

mutants() {
  build verify
  test/mutants.sh build/verify
}

races() {
  build tsan
  ctest --test-dir build/tsan --output-on-failure -j "$jobs" -LE system
}

# 100,000 moves of a TNI, weftd killed 200 times while it writes, ten minutes of load.
system() {
  build verify
  test/system/move_test.sh "$PWD/build/verify" 100000
  test/system/disk_test.sh "$PWD/build/verify" 200
  test/system/load_test.sh "$PWD/build/verify" 600
}

fuzz() {
  tools/packages.sh packaging/fuzz-packages.txt
  build fuzz fuzz_targets
  local target name
  for target in build/fuzz/fuzz/*_fuzz; do
    name=$(basename "$target")
    mkdir -p "$found/corpus/$name"
    echo "$name"
    "$target" -max_total_time="${WEFT_FUZZ_SECONDS:-600}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$found/$name-" "$found/corpus/$name" >"$found/$name.log" 2>&1 ||
      { tail -n 40 "$found/$name.log" >&2; echo "verify: $name found an input: $found/$name-*" >&2; return 1; }
  done
}

vm() {
  tools/packages.sh packaging/vm-packages.txt
  build verify
  test/vm/vm.sh build/verify
}

[ $# -gt 0 ] || set -- verdicts mutants races system fuzz vm
for proof in "$@"; do
  case $proof in
    verdicts | mutants | races | system | fuzz | vm) echo "== $proof" && "$proof" ;;
    *) echo "usage: $0 [verdicts] [mutants] [races] [system] [fuzz] [vm]" >&2; exit 2 ;;
  esac
done
