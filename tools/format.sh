#!/bin/bash
# Formats the C and C++ sources (all that git knows, and new ones), or with
# --check only says which ones are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."
formatter=${CLANG_FORMAT:-clang-format-14}

sources() {
  git ls-files -z --cached --others --exclude-standard -- 'src/*.cc' 'src/*.h' 'src/*.c' 'test/*.cc' 'test/*.h' \
    'bench/*.cc' 'bench/*.h' |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done
}

case "${1-}" in
  --check)
    sources | xargs -0 -n 16 -P 2 "$formatter" --dry-run --Werror ||
      { echo 'not formatted: run ./dev fmt' >&2; exit 1; }
    ;;
  '') sources | xargs -0 -n 16 -P 2 "$formatter" -i ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
