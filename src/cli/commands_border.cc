// Route tables, gateways and network ACLs.
#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Argument table_argument(std::string_view field) {
  return {.name = "TABLE", .field = field, .help = "the table's VPC/NAME, name or id", .offer = Offer::Table};
}

Argument acl_argument(std::string_view field) {
  return {.name = "ACL", .field = field, .help = "the ACL's VPC/NAME, name or id", .offer = Offer::Acl};
}

Argument vpc_argument() { return {.name = "VPC", .field = "vpc", .help = "the VPC's name or id", .offer = Offer::Vpc}; }

Argument destination_argument() {
  return {.name = "PREFIX", .field = "destination", .help = "such as 0.0.0.0/0, or pl:NAME for those of a prefix list"};
}

Flag vpc_flag() {
  return {.name = "vpc",
          .value = "VPC",
          .help = "the VPC that it is in, where the name doesn't say it",
          .offer = Offer::Vpc,
          .need = Need::Required,
          .said = Said::InName};
}

Flag only_vpc_flag() { return {.name = "vpc", .value = "VPC", .help = "only those of this VPC", .offer = Offer::Vpc}; }

Flag egress_only_flag() {
  return {.name = "egress-only", .kind = Kind::Switch, .help = "the egress-only gateway: IPv6, outwards only"};
}

std::vector<Column> route_columns() {
  return {{"DESTINATION", "destination"}, {"TARGET", "target"}, {"STATE", "state"}, {"ID", "id", Shown::Wide}};
}

}  // namespace

std::vector<Command> table_rows() {
  return {
      {.name = "table create",
       .summary = "make a route table",
       .details =
           "Makes a route table and prints its id. It has the local routes, one for each range of the VPC, which "
           "can't be removed. `weft subnet set SUBNET --table TABLE` gives it to a subnet.",
       .arguments = {{.name = "NAME",
                      .field = "name",
                      .help = "VPC/NAME or a name that no other table of the VPC has"}},
       .flags = {vpc_flag()},
       .effect = Effect::Write,
       .method = "RouteTables/Create",
       .answer = Answer::Id,
       .examples = {{"a table for public subnets", "weft table create shop/public"}}},
      {.name = "table ls",
       .summary = "list route tables",
       .flags = {only_vpc_flag()},
       .method = "RouteTables/List",
       .answer = Answer::List,
       .columns = {{"NAME", "name"},
                   {"VPC", "vpc_name"},
                   {"ROUTES", "routes"},
                   {"SUBNETS", "subnets"},
                   {"MAIN", "main"},
                   {"ID", "id"},
                   {"GATEWAY", "gateway", Shown::Wide}}},
      {.name = "table show",
       .summary = "show a route table with its routes",
       .arguments = {table_argument("name")},
       .method = "RouteTables/Get",
       .answer = Answer::Object,
       .sections = {{"Routes", "items", route_columns()}}},
      {.name = "table rm",
       .summary = "remove a route table",
       .details = "Its routes go with it. Refused while a subnet has it, or it is the VPC's main table.",
       .arguments = {table_argument("name")},
       .effect = Effect::Remove,
       .method = "RouteTables/Remove"},
  };
}

std::vector<Command> route_rows() {
  return {
      {.name = "route add",
       .summary = "add a route to a table",
       .details =
           "What leaves a subnet goes by the longest prefix of its table around the target. TARGET is igw (the "
           "internet gateway), eigw (the egress-only gateway), tni:NAME (an appliance, whose source check is off) "
           "or blackhole.\n\n"
           "A route inside the VPC's own ranges is for the whole of a subnet and leads to an appliance. A route "
           "whose target is gone stays, as a blackhole.",
       .arguments = {table_argument("table"),
                     destination_argument(),
                     {.name = "TARGET",
                      .field = "target",
                      .help = "igw, eigw, tni:NAME or blackhole",
                      .choices = "igw|eigw|blackhole|tni:"}},
       .effect = Effect::Write,
       .method = "Routes/Add",
       .examples = {{"make the table's subnets public", "weft route add public 0.0.0.0/0 igw"},
                    {"what goes to another subnet passes a firewall", "weft route add app 10.1.2.0/24 tni:firewall"}}},
      {.name = "route rm",
       .summary = "remove a route from a table",
       .arguments = {table_argument("table"), destination_argument()},
       .effect = Effect::Remove,
       .method = "Routes/Remove"},
      {.name = "route ls",
       .summary = "list the routes of a table",
       .arguments = {table_argument("table")},
       .method = "Routes/List",
       .answer = Answer::List,
       .columns = route_columns()},
  };
}

std::vector<Command> gateway_rows() {
  const Flag table = {.name = "table",
                      .value = "TABLE",
                      .help = "the table by which goes what the internet gateway brings",
                      .offer = Offer::Table};
  return {
      {.name = "igw attach",
       .summary = "give a VPC a gateway to the outside",
       .details =
           "A VPC has one internet gateway or none. What it needs beside it is a route: "
           "`weft route add TABLE 0.0.0.0/0 igw` makes the subnets public that have the table.\n\n"
           "With --table, what the gateway brings goes by that table: to an appliance first, if a route says so.",
       .arguments = {vpc_argument()},
       .flags = {egress_only_flag(), table},
       .effect = Effect::Write,
       .method = "InternetGateways/Attach",
       .examples = {{"let a VPC out", "weft igw attach shop"}}},
      {.name = "igw detach",
       .summary = "take a gateway, or its table, from a VPC",
       .details = "Routes to it stay, as blackholes.",
       .arguments = {vpc_argument()},
       .flags = {egress_only_flag(), table},
       .effect = Effect::Write,
       .method = "InternetGateways/Detach",
       .examples = {{"close a VPC", "weft igw detach shop"}}},
      {.name = "igw ls",
       .summary = "list the gateways of all VPCs",
       .method = "InternetGateways/List",
       .answer = Answer::List,
       .columns = {{"NAME", "name"}, {"VPC", "vpc_name"}, {"ROUTES", "routes"}, {"TABLE", "table_name"}}},
  };
}

std::vector<Command> acl_rows() {
  const Argument direction = {.name = "DIRECTION",
                              .field = "direction",
                              .help = "in: into the subnet; out: out of it",
                              .kind = Kind::Choice,
                              .choices = "in|out"};
  const Argument number = {.name = "NUMBER", .field = "number", .help = "1 to 32766", .kind = Kind::Number};
  const auto optional = [](Argument argument) {
    argument.need = Need::Optional;
    return argument;
  };
  return {
      {.name = "acl create",
       .summary = "make a network ACL",
       .details =
           "Makes an ACL that denies everything, and prints its id. `weft subnet set SUBNET --acl ACL` puts it at "
           "a subnet's border.",
       .arguments = {{.name = "NAME", .field = "name", .help = "VPC/NAME or a name that no other ACL of the VPC has"}},
       .flags = {vpc_flag()},
       .effect = Effect::Write,
       .method = "Acls/Create",
       .answer = Answer::Id,
       .examples = {{"an ACL for the databases", "weft acl create shop/db"}}},
      {.name = "acl add",
       .summary = "add a rule to an ACL",
       .details =
           "Each packet that crosses the border of a subnet with this ACL is judged for itself, answers too: by "
           "the lowest number that matches; what none matches is denied. Answers go to the ports that clients "
           "chose: 1024-65535.\n\n"
           "TRAFFIC is as for `weft sg allow`; its ports are the target's. PREFIX is the other end: where a packet "
           "comes from that goes in, where one goes to that goes out.",
       .arguments = {acl_argument("acl"),
                     direction,
                     number,
                     {.name = "ACTION",
                      .field = "action",
                      .help = "allow or deny",
                      .kind = Kind::Choice,
                      .choices = "allow|deny"},
                     {.name = "TRAFFIC",
                      .field = "traffic",
                      .help = "such as tcp:443, udp:8000-8100, icmp:8, 47 or all",
                      .choices = "tcp:|udp:|icmp|icmpv6|all"},
                     {.name = "PREFIX", .field = "prefix", .help = "of the other end"}},
       .effect = Effect::Write,
       .method = "Acls/Add",
       .examples = {{"the application's subnet reaches the database",
                     "weft acl add db in 100 allow tcp:5432 10.1.1.0/24"},
                    {"and gets answers", "weft acl add db out 100 allow tcp:1024-65535 10.1.1.0/24"}}},
      {.name = "acl ls",
       .summary = "list network ACLs",
       .flags = {only_vpc_flag()},
       .method = "Acls/List",
       .answer = Answer::List,
       .columns = {{"NAME", "name"},
                   {"VPC", "vpc_name"},
                   {"IN", "rules_in"},
                   {"OUT", "rules_out"},
                   {"SUBNETS", "subnets"},
                   {"DEFAULT", "default"},
                   {"ID", "id"}}},
      {.name = "acl show",
       .summary = "show an ACL with its rules",
       .arguments = {acl_argument("name")},
       .method = "Acls/Get",
       .answer = Answer::Object,
       .sections = {{"Rules",
                     "rules",
                     {{"DIRECTION", "direction"},
                      {"NUMBER", "number"},
                      {"ACTION", "action"},
                      {"TRAFFIC", "traffic"},
                      {"PREFIX", "prefix"},
                      {"FLOWS", "flows"}}}}},
      {.name = "acl rm",
       .summary = "remove a rule of an ACL, or the ACL",
       .details =
           "Without a rule the ACL goes, and all rules with it: refused while a subnet has it, or it is the VPC's "
           "default one.",
       .arguments = {acl_argument("name"), optional(direction), optional(number)},
       .effect = Effect::Remove,
       .method = "Acls/Remove",
       .examples = {{"one rule", "weft acl rm db in 100"}}},
  };
}

}  // namespace weft::cli
