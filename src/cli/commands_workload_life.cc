#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Argument workload_argument(Count count) {
  return {.name = "WORKLOAD", .field = "name", .help = "its name or id", .count = count, .offer = Offer::Workload};
}

}  // namespace

std::vector<Command> workload_life_rows() {
  return {
      {.name = "ps",
       .summary = "list workloads",
       .flags = {{.name = "all",
                  .letter = 'a',
                  .kind = Kind::Switch,
                  .help = "also those that have ended or are stopped, and the machine"}},
       .method = "Workloads/List",
       .answer = Answer::List,
       .columns = {{"NAME", "name"},
                   {"STATE", "status", Shown::Table, Form::RunState},
                   {"IP", "ips"},
                   {"PORTS", "ports"},
                   {"COMMAND", "command", Shown::Table, Form::Words},
                   {"ID", "id"},
                   {"TNIS", "tni_names", Shown::Wide},
                   {"PID", "status.pid", Shown::Wide},
                   {"RESTARTS", "status.restarts", Shown::Wide},
                   {"RESTART", "restart", Shown::Wide}}},
      {.name = "stop",
       .summary = "stop workloads",
       .details = "Asks each to end, and ends it after 10 s if it doesn't. It isn't started again by itself.\n\n"
                  "Returns when they have ended. If one of the names is nobody's, nothing is stopped.",
       .arguments = {workload_argument(Count::Each)},
       .effect = Effect::Write,
       .method = "Workloads/Stop",
       .answer = Answer::Life,
       .examples = {{"", "weft stop web"}}},
      {.name = "start",
       .summary = "start workloads that are stopped or have ended",
       .arguments = {workload_argument(Count::Each)},
       .effect = Effect::Write,
       .method = "Workloads/Start",
       .answer = Answer::Life},
      {.name = "restart",
       .summary = "stop workloads and start them again",
       .arguments = {workload_argument(Count::Each)},
       .effect = Effect::Write,
       .method = "Workloads/Restart",
       .answer = Answer::Life},
      {.name = "rm",
       .summary = "remove workloads",
       .details =
           "Refused while one runs, unless --force is given: then it is stopped first. Interfaces that were made for "
           "it go with it; others stay.\n\n"
           "If one of the names is nobody's, nothing is removed.",
       .arguments = {workload_argument(Count::Each)},
       .flags = {{.name = "force", .letter = 'f', .kind = Kind::Switch, .help = "although it runs"}},
       .effect = Effect::Write,
       .method = "Workloads/Remove",
       .answer = Answer::Life},
      {.name = "logs",
       .summary = "print what a workload wrote",
       .details = "What it wrote on stdout is printed on stdout, what it wrote on stderr on stderr.",
       .arguments = {workload_argument(Count::One)},
       .flags = {follow_flag(),
                 {.name = "tail",
                  .letter = 'n',
                  .value = "NUMBER",
                  .kind = Kind::Number,
                  .help = "begin with the last so many lines"},
                 {.name = "timestamps",
                  .letter = 't',
                  .kind = Kind::Switch,
                  .help = "the time in front of each line",
                  .field = "-"}},
       .method = "Workloads/Logs",
       .answer = Answer::Logs,
       .examples = {{"", "weft logs web --follow --tail 20"}}},
      {.name = "inspect",
       .summary = "show all that is known about a workload",
       .arguments = {workload_argument(Count::One)},
       .method = "Workloads/Get",
       .answer = Answer::Object},
  };
}

}  // namespace weft::cli
