#include "cli/command_rows.h"

namespace weft::cli {

std::vector<Command> program_rows() {
  return {
      {.name = "version",
       .summary = "print the versions of weft and of weftd",
       .method = "Diagnosis/Version",
       .answer = Answer::Version},
      {.name = "completion",
       .summary = "print the completion script of a shell",
       .arguments = {{.name = "SHELL",
                      .field = "-",
                      .help = "bash, zsh or fish",
                      .kind = Kind::Choice,
                      .choices = "bash|zsh|fish"}},
       .effect = Effect::Local,
       .answer = Answer::Completion,
       .examples = {{"in bash, from now on", "echo 'source <(weft completion bash)' >> ~/.bashrc"}}},
      {.name = "help",
       .summary = "show what a command does",
       .arguments = {{.name = "COMMAND",
                      .field = "-",
                      .help = "such as `vpc create`",
                      .need = Need::Optional,
                      .count = Count::Many}},
       .effect = Effect::Local,
       .answer = Answer::Help},
      // What the shells' scripts ask: the words before the cursor, the last one as far as it is written.
      {.name = "__complete",
       .summary = "print what may follow the words",
       .arguments = {{.name = "WORD",
                      .field = "-",
                      .help = "what stands behind `weft`",
                      .need = Need::Optional,
                      .count = Count::Many,
                      .letters = Letters::Any}},
       .effect = Effect::Read,
       .answer = Answer::Complete,
       .rest = Rest::Words,
       .place = Place::Hidden,
       .default_wait = "2s"},
      {.name = "man",
       .summary = "write the manual pages into a folder",
       .arguments = {{.name = "FOLDER", .field = "-", .help = "an existing folder", .offer = Offer::Folder}},
       .effect = Effect::Local,
       .answer = Answer::Man,
       .place = Place::Hidden},
      {.name = "reference",
       .summary = "print docs/commands.md",
       .effect = Effect::Local,
       .answer = Answer::Reference,
       .place = Place::Hidden},
  };
}

}  // namespace weft::cli
