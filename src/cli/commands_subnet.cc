#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Argument subnet_argument() {
  return {.name = "SUBNET", .field = "name", .help = "the subnet's VPC/NAME, name or id", .offer = Offer::Subnet};
}

Flag table_flag() {
  return {
      .name = "table", .value = "TABLE", .help = "its route table; empty: the VPC's main one", .offer = Offer::Table};
}

Flag acl_flag() {
  return {.name = "acl", .value = "ACL", .help = "its network ACL; empty: the VPC's default one", .offer = Offer::Acl};
}

std::vector<Column> subnet_columns() {
  return {{"NAME", "name"},
          {"VPC", "vpc_name"},
          {"CIDR", "cidr"},
          {"CIDR6", "cidr6"},
          {"TNIS", "tnis"},
          {"FREE", "free"},
          {"TABLE", "table_name"},
          {"ACL", "acl_name"},
          {"ID", "id"},
          {"PUBLIC", "public", Shown::Wide},
          {"ROUTER", "router", Shown::Wide},
          {"RESOLVER", "resolver", Shown::Wide},
          {"BLOCKS", "blocks", Shown::Wide}};
}

}  // namespace

std::vector<Command> subnet_rows() {
  return {
      {.name = "subnet create",
       .summary = "make a subnet",
       .details = "Makes a subnet in one of the VPC's ranges and prints its id. The first four addresses and the last "
                  "one are reserved: network, router (+1), resolver (+2) and one for later use.",
       .arguments = {{.name = "NAME",
                      .field = "name",
                      .help = "VPC/NAME or a name that no other subnet of the VPC has"}},
       .flags = {{.name = "vpc",
                  .value = "VPC",
                  .help = "the VPC that it is in, where the name doesn't say it",
                  .offer = Offer::Vpc,
                  .need = Need::Required,
                  .said = Said::InName},
                 {.name = "cidr",
                  .value = "PREFIX",
                  .help = "its IPv4 range, /16 to /28, inside one of the VPC's",
                  .need = Need::Required},
                 {.name = "cidr6",
                  .value = "PREFIX",
                  .help = "its IPv6 range: auto (the next free /64 of the VPC's, the default), none, or a /64",
                  .choices = "auto|none"},
                 table_flag(),
                 acl_flag()},
       .effect = Effect::Write,
       .method = "Subnets/Create",
       .answer = Answer::Id,
       .examples = {{"a subnet for the databases", "weft subnet create shop/db --cidr 10.1.2.0/24"}}},
      {.name = "subnet set",
       .summary = "change a subnet",
       .arguments = {subnet_argument()},
       .flags = {{.name = "cidr6",
                  .value = "PREFIX",
                  .help = "its IPv6 range: auto, none, or a /64 inside the VPC's",
                  .choices = "auto|none"},
                 table_flag(),
                 acl_flag()},
       .effect = Effect::Write,
       .method = "Subnets/Set",
       .examples = {{"give it IPv6", "weft subnet set db --cidr6 auto"}}},
      {.name = "subnet ls",
       .summary = "list subnets",
       .flags = {{.name = "vpc", .value = "VPC", .help = "only those of this VPC", .offer = Offer::Vpc}},
       .method = "Subnets/List",
       .answer = Answer::List,
       .columns = subnet_columns()},
      {.name = "subnet show",
       .summary = "show a subnet",
       .arguments = {subnet_argument()},
       .method = "Subnets/Get",
       .answer = Answer::Object},
      {.name = "subnet rm",
       .summary = "remove a subnet",
       .details = "Refused while an interface has an address of it.",
       .arguments = {subnet_argument()},
       .effect = Effect::Remove,
       .method = "Subnets/Remove"},
  };
}

}  // namespace weft::cli
