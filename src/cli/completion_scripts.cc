#include "cli/completion.h"

namespace weft::cli {

namespace {

// Bash splits words at ':' and '=' too (COMP_WORDBREAKS) and replaces only the
// last piece: the pieces are joined for weft, and what the answer has in front
// of the last piece is taken off again.
constexpr std::string_view kBash = R"(# bash completion for weft
_weft() {
  local IFS=$'\n' word joined='' words=() i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $i -gt 1 && ($word == [:=]* || ${COMP_WORDS[i - 1]} == *[:=]) && $COMP_LINE == *"${COMP_WORDS[i - 1]}$word"* ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
  done
  joined=${words[${#words[@]} - 1]}
  local cut=${joined%"${joined##*[:=]}"} answer
  answer=($(weft __complete -- "${words[@]}" 2>/dev/null))
  COMPREPLY=()
  for word in "${answer[@]:1}"; do
    word=${word%%$'\t'*}
    COMPREPLY+=("${word#"$cut"}")
  done
  case ${answer[0]} in
    files) compopt -o filenames && COMPREPLY+=($(compgen -f -- "${joined#"$cut"}")) ;;
    folders) compopt -o filenames && COMPREPLY+=($(compgen -d -- "${joined#"$cut"}")) ;;
    commands) COMPREPLY+=($(compgen -c -- "${joined#"$cut"}")) ;;
  esac
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]]; then compopt -o nospace; fi
}
complete -F _weft weft
)";

constexpr std::string_view kZsh = R"(#compdef weft
_weft() {
  local -a answer described
  local line
  answer=("${(@f)$(weft __complete -- "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  for line in "${(@)answer[2,-1]}"; do
    [[ -n $line ]] && described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  (( ${#described} )) && _describe weft described
  case ${answer[1]} in
    files) _files ;;
    folders) _files -/ ;;
    commands) _command_names -e ;;
  esac
}
if [[ $funcstack[1] == _weft ]]; then _weft "$@"; else compdef _weft weft; fi
)";

constexpr std::string_view kFish = R"(# fish completion for weft
function __weft_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    set -l answer (weft __complete -- $words 2>/dev/null)
    printf '%s\n' $answer[2..-1]
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct)
        case folders
            __fish_complete_directories (commandline -ct)
        case commands
            __fish_complete_command
    end
end
complete -c weft -f -a '(__weft_complete)'
)";

}  // namespace

std::string completion_script(std::string_view shell) {
  return std::string(shell == "zsh" ? kZsh : shell == "fish" ? kFish : kBash);
}

}  // namespace weft::cli
