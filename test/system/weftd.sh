# shellcheck shell=bash
# A weftd on the machine of machine.sh, to be sourced after it. BUILD is the
# folder of the build that is tested.
export WEFT_BIN=$BUILD/bin TOOLS=$BUILD/test/system PATH=$BUILD/bin:$PATH NO_COLOR=1
readonly weftd_log=/run/weftd.log

# What weftd needs to begin is work, no waiting: only how busy the machine is
# decides how long it takes.
readonly patience=120

# 0 all is as wanted, 11 something isn't (yet): both are an answer.
answers() {
  local code=0
  weft status >/dev/null 2>&1 || code=$?
  [ "$code" = 0 ] || [ "$code" = 11 ]
}
lives() { kill -0 "$weftd" 2>/dev/null; }
answers_or_gone() { ! lives || answers; }

# start_weftd [OPTION...]
start_weftd() {
  "$WEFT_BIN/weftd" "$@" >>"$weftd_log" 2>&1 &
  weftd=$!
  until_true "$patience" answers_or_gone || true
  lives && answers || fail "weftd doesn't answer: $(tail -n 20 "$weftd_log")"
}
# kill_weftd [SIGNAL]
kill_weftd() {
  kill "-${1:-TERM}" "$weftd"
  wait "$weftd" 2>/dev/null || true
}

# refused CODE WORDS COMMAND...: it ends with CODE, and what it prints has the words.
refused() {
  local code=0 wanted=$1 words=$2 printed
  shift 2
  printed=$("$@" 2>&1) || code=$?
  [ "$code" = "$wanted" ] || fail "'$*' ended with $code instead of $wanted: $printed"
  grep -qF -- "$words" <<<"$printed" || fail "'$*' says '$printed', nothing of '$words'"
}

# place NAME FLAG...: an external workload, and the name of its network namespace.
place() {
  local id
  id=$(weft run --external --name "$@") || return
  echo "weft-$id"
}

# field NAME COMMAND...: of what the command shows of one object, the first of that name.
field() { "${@:2}" -o yaml | sed -nE "0,/^ *$1: /s/^ *$1: \"?([^\"]*)\"?\$/\1/p"; }
