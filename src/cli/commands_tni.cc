#include "api/later.h"
#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Argument tni_argument(std::string_view field) {
  return {.name = "TNI", .field = field, .help = "the interface's VPC/NAME, name or id", .offer = Offer::Tni};
}

Argument workload_argument() {
  return {.name = "WORKLOAD", .field = "workload", .help = "the workload's name or id", .offer = Offer::Workload};
}

Flag group_flag() {
  return {.name = "sg",
          .value = "SG",
          .count = Count::Many,
          .help = "a security group; up to 16 (default: the VPC's default group)",
          .offer = Offer::Group,
          .field = "groups"};
}

Command create_row() {
  return {
      .name = "tni create",
      .summary = "make an interface",
      .details =
          "Makes an interface that owns its addresses, its MAC and its groups, and prints its id. It outlives the "
          "workloads that it is attached to and keeps all it owns when it moves between them.",
      .arguments = {{.name = "NAME",
                     .field = "name",
                     .help = "VPC/NAME or a name that no other interface of the VPC has"}},
      .flags = {{.name = "subnet",
                 .value = "SUBNET",
                 .help = "the subnet that its addresses are of (default: the one called default)",
                 .offer = Offer::Subnet},
                {.name = "ip",
                 .value = "ADDRESS",
                 .count = Count::Many,
                 .help = "an IPv4 address, the first is the primary one (default: a free one)",
                 .field = "ips"},
                {.name = "ip6",
                 .value = "ADDRESS",
                 .help = "the IPv6 address: auto (a free one, the default), none, or yours",
                 .choices = "auto|none"},
                group_flag(),
                {.name = "no-source-check",
                 .kind = Kind::Switch,
                 .help = "let it send with addresses that aren't its own",
                 .field = "source_check",
                 .sends = "off"}},
      .effect = Effect::Write,
      .method = "Tnis/Create",
      .answer = Answer::Id,
      .examples = {{"an address for a database", "weft tni create db --subnet shop/db --ip 10.1.2.10 --sg shop/db"}}};
}

std::vector<Flag> set_flags() {
  std::vector<Flag> flags = {group_flag(),
                             {.name = "source-check",
                              .value = "HOW",
                              .kind = Kind::Choice,
                              .help = "whether it may only send with its own addresses",
                              .choices = "on|off"}};
  struct Timeout {
    std::string_view name, field, help;
  };
  for (const Timeout& t :
       {Timeout{"tcp-opening", "timeouts.tcp_opening", "forget a TCP flow that isn't open after so long"},
        Timeout{"tcp-established", "timeouts.tcp_established", "forget an open TCP flow without a packet for so long"},
        Timeout{"tcp-closing", "timeouts.tcp_closing", "forget a closing TCP flow after so long"},
        Timeout{"udp-one-way", "timeouts.udp_one_way", "forget a UDP flow without an answer after so long"},
        Timeout{"udp-both-ways", "timeouts.udp_both_ways", "forget an answered UDP flow after so long"},
        Timeout{"other-flows", "timeouts.other", "forget another flow after so long"}}) {
    flags.push_back({.name = t.name, .value = "DURATION", .kind = Kind::Seconds, .help = t.help, .field = t.field});
  }
  return flags;
}

Command set_row() {
  return {.name = "tni set",
          .summary = "change an interface",
          .details = "What isn't named stays. --sg names all of its groups anew.",
          .arguments = {tni_argument("name")},
          .flags = set_flags(),
          .later = api::kLaterOfTni,
          .effect = Effect::Write,
          .method = "Tnis/Set",
          .examples = {{"two groups", "weft tni set shop/db --sg shop/db --sg shop/monitored"}}};
}

std::vector<Column> tni_columns() {
  return {{"NAME", "name"},
          {"VPC", "vpc_name"},
          {"SUBNET", "subnet_name"},
          {"IP", "ip"},
          {"IP6", "ip6"},
          {"WORKLOAD", "workload_name"},
          {"GROUPS", "group_names"},
          {"ID", "id"},
          {"MAC", "mac", Shown::Wide},
          {"DEVICE", "device_name", Shown::Wide},
          {"SECONDARY", "secondary", Shown::Wide},
          {"EPOCH", "epoch", Shown::Wide}};
}

}  // namespace

std::vector<Command> tni_rows() {
  return {
      create_row(),
      {.name = "tni attach",
       .summary = "attach an interface to a workload",
       .arguments = {tni_argument("tni"), workload_argument()},
       .effect = Effect::Write,
       .method = "Tnis/Attach",
       .examples = {{"", "weft tni attach shop/db postgres"}}},
      {.name = "tni detach",
       .summary = "detach an interface from its workload",
       .details = "It keeps its addresses and groups. Its open flows end.",
       .arguments = {tni_argument("tni")},
       .effect = Effect::Write,
       .method = "Tnis/Detach"},
      {.name = "tni move",
       .summary = "move an interface to another workload",
       .details =
           "The addresses, the MAC and the groups go with it; nothing else has to change. Waits until every machine "
           "concerned knows, at most 10 s unless --wait says otherwise.",
       .arguments = {tni_argument("tni"), workload_argument()},
       .flags = {{.name = "force",
                  .kind = Kind::Switch,
                  .help = "although where it is attached now can't be told to let go"}},
       .effect = Effect::Write,
       .method = "Tnis/Move",
       .examples = {{"the standby takes over", "weft tni move shop/db postgres-standby"}},
       .default_wait = "10s"},
      set_row(),
      {.name = "tni ls",
       .summary = "list interfaces",
       .flags = {{.name = "vpc", .value = "VPC", .help = "only those of this VPC", .offer = Offer::Vpc}},
       .method = "Tnis/List",
       .answer = Answer::List,
       .columns = tni_columns()},
      {.name = "tni show",
       .summary = "show an interface, with its counters and its network namespace",
       .arguments = {tni_argument("name")},
       .method = "Tnis/Get",
       .answer = Answer::Object},
      {.name = "tni rm",
       .summary = "remove an interface",
       .details = "Refused while it is attached.",
       .arguments = {tni_argument("name")},
       .effect = Effect::Remove,
       .method = "Tnis/Remove"},
      {.name = "tni unit-dropin",
       .summary = "print the systemd drop-in that puts a unit behind an interface",
       .details =
           "Prints what makes systemd start the unit in the network namespace of the interface's workload, which is "
           "there before the unit starts.",
       .arguments = {tni_argument("tni"), {.name = "UNIT", .field = "unit", .help = "such as postgresql.service"}},
       .method = "Tnis/UnitDropin",
       .answer = Answer::Text,
       .examples = {{"", "weft tni unit-dropin shop/db postgresql.service"}}},
  };
}

}  // namespace weft::cli
