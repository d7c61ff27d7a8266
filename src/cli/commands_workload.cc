#include "api/later.h"
#include "cli/command_rows.h"

namespace weft::cli {

namespace {

std::vector<Flag> network_flags() {
  return {{.name = "subnet",
           .value = "SUBNET",
           .help = "make an interface in this subnet (default: the default VPC's)",
           .offer = Offer::Subnet},
          {.name = "ip", .value = "ADDRESS", .help = "the interface's IPv4 address (default: a free one)"},
          {.name = "ip6",
           .value = "ADDRESS",
           .help = "its IPv6 address: auto (a free one, the default), none, or yours",
           .choices = "auto|none"},
          {.name = "sg",
           .value = "SG",
           .count = Count::Many,
           .help = "a security group of the interface (default: the VPC's default group)",
           .offer = Offer::Group,
           .field = "groups"},
          {.name = "tni",
           .value = "TNI",
           .count = Count::Many,
           .help = "attach this interface, which exists already",
           .offer = Offer::Tni,
           .field = "tnis"},
          {.name = "publish",
           .letter = 'p',
           .value = "[ADDRESS:]PORT:PORT[/PROTOCOL]",
           .count = Count::Many,
           .help = "lead a port of the machine to a port of the workload, tcp or udp"}};
}

std::vector<Flag> process_flags() {
  return {
      {.name = "env",
       .letter = 'e',
       .value = "NAME=VALUE",
       .kind = Kind::Setting,
       .count = Count::Many,
       .help = "a variable of its environment"},
      {.name = "memory", .letter = 'm', .value = "SIZE", .kind = Kind::Size, .help = "at most so much memory: 64m, 2g"},
      {.name = "cpus", .value = "NUMBER", .kind = Kind::Decimal, .help = "at most so many processors: 0.5, 2"},
      {.name = "pids", .value = "NUMBER", .kind = Kind::Number, .help = "at most so many processes"},
      {.name = "restart",
       .value = "POLICY",
       .kind = Kind::Choice,
       .help = "start it again: no (the default), on-failure or always",
       .choices = "no|on-failure|always"},
      {.name = "user", .letter = 'u', .value = "USER", .help = "run as this user: NAME, UID or UID:GID"},
      {.name = "workdir", .letter = 'w', .value = "FOLDER", .help = "run in this folder", .offer = Offer::Folder},
      {.name = "rm", .kind = Kind::Switch, .help = "remove it when it has ended"},
      {.name = "detach",
       .letter = 'd',
       .kind = Kind::Switch,
       .help = "don't wait: print its id and leave it running",
       .field = "-"},
      {.name = "tty",
       .letter = 't',
       .kind = Kind::Switch,
       .help = "give it a terminal (in the foreground: given when stdin is one)",
       .excludes = "no-tty"},
      {.name = "no-tty",
       .kind = Kind::Switch,
       .help = "give it none, although stdin is a terminal",
       .field = "-",
       .excludes = "tty"},
      {.name = "external",
       .kind = Kind::Switch,
       .help = "make a network namespace for something else to run in; there is no COMMAND"}};
}

std::vector<Flag> run_flags() {
  std::vector<Flag> flags = {{.name = "name",
                              .letter = 'n',
                              .value = "NAME",
                              .help = "a name that no other workload has (default: one is made)"}};
  for (const auto& some : {network_flags(), process_flags()}) flags.insert(flags.end(), some.begin(), some.end());
  return flags;
}

constexpr std::string_view kForeground =
    "125 weft itself failed, or the command line is wrong|126 the command can't be executed|127 the command isn't "
    "there|"
    "128+n signal n ended it";

}  // namespace

std::vector<Command> workload_rows() {
  return {
      {.name = "run",
       .summary = "run a program in a network of its own",
       .details =
           "Runs COMMAND as a workload, by default with an interface in the default VPC. In the foreground (without "
           "--detach) its output is passed on as it comes, signals are passed to it, and weft ends with its status. "
           "Should weftd restart meanwhile, the program doesn't notice, and weft goes on where it was: up to a MiB "
           "that the program wrote meanwhile is kept; of more, weft says how much is missing.\n\n"
           "A signal that means stop (INT, TERM, HUP, QUIT) is passed on, and ends restarts too. When nobody reads the "
           "output any more, the program is ended.\n\n"
           "What follows the first word of COMMAND belongs to it, flags too.",
       .arguments = {{.name = "COMMAND",
                      .field = "command",
                      .help = "the program and its arguments",
                      .need = Need::Optional,
                      .count = Count::Many,
                      .offer = Offer::Command,
                      .letters = Letters::Any}},
       .flags = run_flags(),
       .later = api::kLaterOfWorkload,
       .effect = Effect::Write,
       .method = "Workloads/Run",
       .answer = Answer::Run,
       .examples = {{"a program in the default VPC", "weft run --rm -- curl -sI http://deb.example/"},
                    {"a web server, reachable at the machine's port 8080",
                     "weft run --detach --name web --publish 8080:80 -- nginx -g 'daemon off;'"},
                    {"with an interface that exists and at most 256 MB",
                     "weft run --detach --tni shop/db --memory 256m --restart always -- postgres -D /srv/db"},
                    {"a namespace for something else", "weft run --external --name legacy --subnet shop/app"}},
       .exits = kForeground,
       .rest = Rest::Words},
      {.name = "exec",
       .summary = "run a further command inside a workload",
       .details = "Runs COMMAND in the workload's namespaces and under its limits, and ends with its status.",
       .arguments = {{.name = "WORKLOAD", .field = "name", .help = "its name or id", .offer = Offer::Workload},
                     {.name = "COMMAND",
                      .field = "command",
                      .help = "the program and its arguments",
                      .count = Count::Many,
                      .offer = Offer::Command,
                      .letters = Letters::Any}},
       .flags = {{.name = "env",
                  .letter = 'e',
                  .value = "NAME=VALUE",
                  .kind = Kind::Setting,
                  .count = Count::Many,
                  .help = "a further variable of its environment"},
                 {.name = "user", .letter = 'u', .value = "USER", .help = "run as this user"},
                 {.name = "workdir", .letter = 'w', .value = "FOLDER", .help = "run in this folder"},
                 {.name = "tty",
                  .letter = 't',
                  .kind = Kind::Switch,
                  .help = "give it a terminal (given when stdin is one)",
                  .excludes = "no-tty"},
                 {.name = "no-tty",
                  .kind = Kind::Switch,
                  .help = "give it none, although stdin is a terminal",
                  .field = "-",
                  .excludes = "tty"}},
       .effect = Effect::Read,
       .method = "Workloads/Exec",
       .answer = Answer::Exec,
       .examples = {{"look around", "weft exec web -- ip address"}},
       .exits = kForeground,
       .rest = Rest::Words},
  };
}

}  // namespace weft::cli
