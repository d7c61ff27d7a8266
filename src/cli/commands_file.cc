#include "cli/command_rows.h"

namespace weft::cli {

namespace {

std::vector<Argument> file_arguments() {
  return {{.name = "FILE",
           .field = "-",
           .help = "further files",
           .need = Need::Optional,
           .count = Count::Many,
           .offer = Offer::File}};
}

std::vector<Flag> file_flags() {
  return {{.name = "file",
           .letter = 'f',
           .value = "FILE",
           .count = Count::Many,
           .help = "a file of documents, YAML or JSON; - is stdin",
           .offer = Offer::File,
           .field = "-",
           .need = Need::Required}};
}

}  // namespace

std::vector<Command> file_rows() {
  return {
      {.name = "apply",
       .summary = "make it so: create and change what the files say",
       .details =
           "All documents of all files are one change: it happens as a whole, or not at all. Documents name each "
           "other, in any order. What no file names stays as it is.",
       .arguments = file_arguments(),
       .flags = file_flags(),
       .effect = Effect::Write,
       .method = "Files/Apply",
       .answer = Answer::Apply,
       .examples = {{"", "weft apply -f two-tier.yaml"}, {"from a program", "generate | weft apply -f -"}}},
      {.name = "plan",
       .summary = "show what apply would change",
       .arguments = file_arguments(),
       .flags = file_flags(),
       .method = "Files/Plan",
       .answer = Answer::Plan,
       .examples = {{"", "weft plan -f two-tier.yaml"}},
       .exits = "0 nothing would change|9 something would change"},
      {.name = "export",
       .summary = "print what there is, as documents that apply takes",
       .details = "Environments of workloads are part of it, in clear. The IPv6 range of the default VPC isn't: every "
                  "machine makes one of its own.",
       .flags = {{.name = "vpc", .value = "VPC", .help = "only this VPC and what is in it", .offer = Offer::Vpc}},
       .method = "Files/Export",
       .answer = Answer::Export,
       .examples = {{"", "weft export --vpc shop > shop.yaml"}}},
  };
}

}  // namespace weft::cli
