#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Argument group_argument() {
  return {.name = "SG", .field = "name", .help = "the group's VPC/NAME, name or id", .offer = Offer::Group};
}

Flag on_revoke_flag() {
  return {.name = "on-revoke",
          .value = "HOW",
          .kind = Kind::Choice,
          .help = "open flows that the rules no longer allow: cut them at once (the default), or keep them",
          .choices = "cut|keep"};
}

Flag description_flag() {
  return {.name = "description", .value = "TEXT", .kind = Kind::Note, .help = "a note for people"};
}

std::vector<Column> rule_columns() {
  return {{"ID", "id"},
          {"DIRECTION", "direction"},
          {"TRAFFIC", "traffic"},
          {"PEER", "peer_name"},
          {"UNTIL", "until", Shown::Table, Form::Until},
          {"MODE", "mode"},
          {"FLOWS", "flows"},
          {"DESCRIPTION", "description"}};
}

Command allow_row() {
  return {
      .name = "sg allow",
      .summary = "add a rule to a group",
      .details =
          "Allows traffic and prints the rule's id. Rules only allow; what no rule of an interface's groups allows is "
          "dropped. Answers to allowed traffic pass by themselves.\n\n"
          "TRAFFIC is PROTOCOL[:PORTS] with tcp, udp, icmp, icmpv6, a number or all; PORTS is 80 or 8000-8100, for "
          "ICMP "
          "TYPE[/CODE]. PEER is a prefix, sg:NAME for the members of a group, or pl:NAME for a prefix list.\n\n"
          "A rule with --for or --until ends by itself, whatever else runs. A rule with --audit allows nothing: it "
          "counts and logs what it would have allowed.",
      .arguments = {{.name = "SG", .field = "group", .help = "the group's VPC/NAME, name or id", .offer = Offer::Group},
                    {.name = "DIRECTION",
                     .field = "direction",
                     .help = "in: what members may receive; out: what they may send",
                     .kind = Kind::Choice,
                     .choices = "in|out"},
                    {.name = "TRAFFIC",
                     .field = "traffic",
                     .help = "such as tcp:443, udp:8000-8100, icmp:8, 47 or all",
                     .choices = "tcp:|udp:|icmp|icmpv6|all"},
                    {.name = "PEER", .field = "peer", .help = "a prefix, sg:NAME or pl:NAME"}},
      .flags = {{.name = "for",
                 .value = "DURATION",
                 .kind = Kind::Duration,
                 .help = "the rule ends after so long",
                 .excludes = "until"},
                {.name = "until",
                 .value = "TIME",
                 .kind = Kind::Time,
                 .help = "the rule ends then (2026-11-20T09:30:00Z)",
                 .excludes = "for"},
                {.name = "audit",
                 .kind = Kind::Switch,
                 .help = "allow nothing, count and log what would match",
                 .field = "mode",
                 .sends = "audit"},
                description_flag()},
      .effect = Effect::Write,
      .method = "Groups/Allow",
      .answer = Answer::Id,
      .examples = {{"the application's members may connect to the database", "weft sg allow db in tcp:5432 sg:app"},
                   {"from anywhere, for an hour", "weft sg allow web in tcp:80 0.0.0.0/0 --for 1h"}}};
}

}  // namespace

std::vector<Command> group_rows() {
  return {
      {.name = "sg create",
       .summary = "make a security group",
       .details = "Makes a group and prints its id. A new group allows nothing in and everything out.",
       .arguments = {{.name = "NAME",
                      .field = "name",
                      .help = "VPC/NAME or a name that no other group of the VPC has"}},
       .flags = {{.name = "vpc",
                  .value = "VPC",
                  .help = "the VPC that it is in, where the name doesn't say it (default: the default VPC)",
                  .offer = Offer::Vpc,
                  .said = Said::InName},
                 on_revoke_flag(),
                 description_flag()},
       .effect = Effect::Write,
       .method = "Groups/Create",
       .answer = Answer::Id,
       .examples = {{"a group for the databases", "weft sg create shop/db"}}},
      {.name = "sg set",
       .summary = "change a security group",
       .arguments = {group_argument()},
       .flags = {on_revoke_flag(), description_flag()},
       .effect = Effect::Write,
       .method = "Groups/Set",
       .examples = {{"let open flows live on", "weft sg set db --on-revoke keep"}}},
      allow_row(),
      {.name = "sg revoke",
       .summary = "remove rules",
       .details =
           "Removes the rules. Unless their group says keep, not one more byte of a flow passes that the rules no "
           "longer allow, and both ends are told.",
       .arguments = {{.name = "RULE", .field = "rules", .help = "the rule's id", .count = Count::Many}},
       .effect = Effect::Write,
       .method = "Groups/Revoke",
       .examples = {{"two rules at once", "weft sg revoke sgr-0000000000000007 sgr-0000000000000008"}}},
      {.name = "sg ls",
       .summary = "list security groups",
       .flags = {{.name = "vpc", .value = "VPC", .help = "only those of this VPC", .offer = Offer::Vpc}},
       .method = "Groups/List",
       .answer = Answer::List,
       .columns = {{"NAME", "name"},
                   {"VPC", "vpc_name"},
                   {"IN", "rules_in"},
                   {"OUT", "rules_out"},
                   {"TNIS", "tnis"},
                   {"ON REVOKE", "on_revoke"},
                   {"ID", "id"},
                   {"DESCRIPTION", "description", Shown::Wide}}},
      {.name = "sg show",
       .summary = "show a group with its rules and members",
       .arguments = {group_argument()},
       .method = "Groups/Get",
       .answer = Answer::Object,
       .sections = {{"Rules", "rules", rule_columns()}}},
      {.name = "sg rm",
       .summary = "remove a security group",
       .details = "Refused while an interface has it or a rule of another group names it.",
       .arguments = {group_argument()},
       .effect = Effect::Remove,
       .method = "Groups/Remove"},
  };
}

std::vector<Command> prefix_list_rows() {
  const Argument list = {.name = "PL", .field = "name", .help = "the list's name or id", .offer = Offer::PrefixList};
  return {
      {.name = "pl create",
       .summary = "make a prefix list",
       .details =
           "Makes a named set of prefixes and prints its id. Rules refer to it as pl:NAME and follow its changes.",
       .arguments = {{.name = "NAME", .field = "name", .help = "a name that no other list has"},
                     {.name = "PREFIX", .field = "prefixes", .help = "such as 192.0.2.0/24", .count = Count::Many}},
       .effect = Effect::Write,
       .method = "PrefixLists/Create",
       .answer = Answer::Id,
       .examples = {{"the offices", "weft pl create offices 192.0.2.0/24 198.51.100.0/24"}}},
      {.name = "pl set",
       .summary = "change a prefix list",
       .arguments = {list},
       .flags =
           {{.name = "add", .value = "PREFIX", .count = Count::Many, .help = "a further prefix"},
            {.name = "remove", .value = "PREFIX", .count = Count::Many, .help = "a prefix that it no longer holds"}},
       .effect = Effect::Write,
       .method = "PrefixLists/Set",
       .examples = {{"an office moves", "weft pl set offices --remove 192.0.2.0/24 --add 203.0.113.0/24"}}},
      {.name = "pl ls",
       .summary = "list prefix lists",
       .method = "PrefixLists/List",
       .answer = Answer::List,
       .columns = {{"NAME", "name"}, {"PREFIXES", "prefixes"}, {"RULES", "rules"}, {"ID", "id"}}},
      {.name = "pl show",
       .summary = "show a prefix list",
       .arguments = {list},
       .method = "PrefixLists/Get",
       .answer = Answer::Object},
      {.name = "pl rm",
       .summary = "remove a prefix list",
       .details = "Refused while a rule names it.",
       .arguments = {list},
       .effect = Effect::Remove,
       .method = "PrefixLists/Remove"},
  };
}

}  // namespace weft::cli
