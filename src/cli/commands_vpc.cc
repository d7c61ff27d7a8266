#include "api/later.h"
#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Argument vpc_argument() {
  return {.name = "VPC", .field = "name", .help = "the VPC's name or id", .offer = Offer::Vpc};
}

std::vector<Column> vpc_columns() {
  return {{"NAME", "name"},
          {"CIDR", "cidrs"},
          {"CIDR6", "cidr6"},
          {"SUBNETS", "subnets"},
          {"TNIS", "tnis"},
          {"ID", "id"},
          {"GROUPS", "groups", Shown::Wide},
          {"DEFAULT GROUP", "default_group_name", Shown::Wide},
          {"TABLES", "tables", Shown::Wide},
          {"MAIN TABLE", "main_table_name", Shown::Wide},
          {"ACLS", "acls", Shown::Wide},
          {"INTERNET", "internet", Shown::Wide},
          {"EGRESS ONLY", "egress_only", Shown::Wide}};
}

}  // namespace

std::vector<Command> vpc_rows() {
  return {
      {.name = "vpc create",
       .summary = "make a VPC",
       .details = "Makes a private network with the given IPv4 ranges and prints its id. With it come its main route "
                  "table, an ACL that allows everything, and its default group: members may reach each other, and "
                  "everything outside that a route leads to.\n\n"
                  "Ranges of different VPCs may overlap. Repeating the command with the same arguments prints the same "
                  "id again.",
       .arguments = {{.name = "NAME", .field = "name", .help = "a name that no other VPC has"}},
       .flags = {{.name = "cidr",
                  .value = "PREFIX",
                  .count = Count::Many,
                  .help = "an IPv4 range, /16 to /28; up to five",
                  .field = "cidrs",
                  .need = Need::Required},
                 {.name = "cidr6",
                  .value = "PREFIX",
                  .help = "the IPv6 range: auto (a private /56 of its own, the default), none, or yours",
                  .choices = "auto|none"}},
       .later = api::kLaterOfVpc,
       .effect = Effect::Write,
       .method = "Vpcs/Create",
       .answer = Answer::Id,
       .examples = {{"a VPC with one range", "weft vpc create shop --cidr 10.1.0.0/16"},
                    {"without IPv6", "weft vpc create lab --cidr 10.2.0.0/16 --cidr6 none"}}},
      {.name = "vpc set",
       .summary = "change a VPC",
       .arguments = {vpc_argument()},
       .flags = {{.name = "add-cidr",
                  .value = "PREFIX",
                  .count = Count::Many,
                  .help = "a further IPv4 range",
                  .field = "add_cidrs"},
                 {.name = "main-table",
                  .value = "TABLE",
                  .help = "the route table of the subnets that have none of their own",
                  .offer = Offer::Table}},
       .later = api::kLaterOfVpc,
       .effect = Effect::Write,
       .method = "Vpcs/Set",
       .examples = {{"a second range", "weft vpc set shop --add-cidr 10.9.0.0/16"}}},
      {.name = "vpc ls",
       .summary = "list VPCs",
       .method = "Vpcs/List",
       .answer = Answer::List,
       .columns = vpc_columns()},
      {.name = "vpc show",
       .summary = "show a VPC",
       .arguments = {vpc_argument()},
       .method = "Vpcs/Get",
       .answer = Answer::Object},
      {.name = "vpc rm",
       .summary = "remove a VPC",
       .details = "Refused while subnets, or groups, tables and ACLs other than its first ones, are in it.",
       .arguments = {vpc_argument()},
       .effect = Effect::Remove,
       .method = "Vpcs/Remove"},
  };
}

}  // namespace weft::cli
