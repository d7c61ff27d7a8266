#!/bin/bash
# Replays the transcript of README.md: after `./dev up` each line that begins
# with "$" is run, and must print what stands below it. "..." is anything.
#
#   transcript_test.sh BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
. "$here/machine.sh"
BUILD=$1
. "$here/up.sh"
cd "$root"

transcript() { sed -n '/^## A transcript/,/^## /p' README.md | sed -n 's/^    //p'; }
# What a line of the transcript looks like, as a regular expression; runs of spaces are one.
pattern() { sed -E 's/[][\.*^$(){}+?|/]/\\&/g; s/(\\\.){3}/.*/g; s/ +/ +/g' <<<"$1"; }

[ "$(transcript | grep -c '^\$ ')" -ge 5 ] || fail 'there is no transcript'
up_into /run/up.log

command='' printed=() position=0
finish() {
  [ -z "$command" ] || [ "$position" = "${#printed[@]}" ] ||
    fail "'$command' also printed: ${printed[*]:$position}"
}
while IFS= read -r line; do
  if [[ $line == '$ '* ]]; then
    finish
    command=${line#\$ }
    mapfile -t printed < <(bash -c "${command//.\/dev weft/weft}" 2>&1 </dev/null || true)
    position=0
  else
    [ "$position" -lt "${#printed[@]}" ] || fail "'$command' didn't print: $line"
    grep -qxE -- "$(pattern "$line") *" <<<"${printed[$position]}" ||
      fail "'$command' printed
  ${printed[$position]}
where the transcript has
  $line"
    position=$((position + 1))
  fi
done < <(transcript)
finish
tools/up.sh down >/dev/null
