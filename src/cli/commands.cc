#include "cli/commands.h"

#include <algorithm>
#include <iterator>

#include "api/later.h"
#include "cli/command_rows.h"

namespace weft::cli {

namespace {

std::vector<Command> all_rows() {
  std::vector<Command> all;
  for (auto* rows :
       {vpc_rows, subnet_rows, table_rows, route_rows, gateway_rows, acl_rows, group_rows, prefix_list_rows, tni_rows,
        workload_rows, workload_life_rows, file_rows, diagnosis_rows, program_rows}) {
    std::vector<Command> some = rows();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

std::string_view Command::noun() const { return name.substr(0, name.find(' ')); }

std::string_view Command::verb() const {
  const size_t space = name.find(' ');
  return space == std::string_view::npos ? std::string_view() : name.substr(space + 1);
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = all_rows();
  return all;
}

const std::vector<Noun>& nouns() {
  static const std::vector<Noun> all = {
      {"vpc", "private networks, each with address ranges of its own"},
      {"subnet", "parts of a VPC's ranges, from which interfaces take their addresses"},
      {"table", "route tables: where what leaves a subnet goes"},
      {"route", "the routes of a table"},
      {"igw", "gateways of a VPC to the outside"},
      {"acl", "network ACLs: what may cross a subnet's border"},
      {"sg", "security groups: what an interface may receive and send"},
      {"pl", "prefix lists: named sets of prefixes that rules refer to"},
      {"tni", "interfaces that own their addresses and move between workloads"},
  };
  return all;
}

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> all = {
      {.name = "output",
       .letter = 'o',
       .value = "FORMAT",
       .kind = Kind::Choice,
       .help = "how the answer is printed: table, wide, json, yaml or name",
       .choices = "table|wide|json|yaml|name",
       .field = "-"},
      {.name = "socket",
       .value = "PATH",
       .help = "the Unix socket on which weftd listens",
       .offer = Offer::File,
       .field = "-",
       .excludes = "context"},
      {.name = "context",
       .value = "NAME",
       .help = "use the socket that contexts.json gives this name",
       .field = "-",
       .excludes = "socket"},
      {.name = "dry-run", .kind = Kind::Switch, .help = "check everything, change nothing"},
      {.name = "wait",
       .value = "DURATION",
       .kind = Kind::Duration,
       .help = "wait until every machine concerned enforces the change, at most so long (--wait alone: 60s)",
       .field = "-"},
      {.name = "timeout",
       .value = "DURATION",
       .kind = Kind::Duration,
       .help = "give up when weftd hasn't answered for so long (default: 30s)",
       .field = "-"},
      {.name = "consistent",
       .kind = Kind::Switch,
       .help = "read what is agreed now, not what this machine knows of it",
       .field = "-"},
      {.name = "yes",
       .letter = 'y',
       .kind = Kind::Switch,
       .help = "don't ask before something is removed",
       .field = "-"},
      {.name = "quiet",
       .letter = 'q',
       .kind = Kind::Switch,
       .help = "no notes and no progress; of a list only the ids",
       .field = "-"},
      {.name = "help", .letter = 'h', .kind = Kind::Switch, .help = "show what the command does", .field = "-"},
  };
  return all;
}

const Command* find_command(std::string_view name) {
  const auto& all = commands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Command& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const Noun* find_noun(std::string_view name) {
  const auto& all = nouns();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Noun& n) { return n.name == name; });
  return found == all.end() ? nullptr : &*found;
}

bool is_for_later(std::string_view first_word) {
  return api::is_among(api::kLaterNouns, first_word) || api::is_among(api::kLaterVerbs, first_word);
}

bool applies(const Flag& global, const Command& command) {
  const bool writes = command.effect == Effect::Write || command.effect == Effect::Remove;
  if (global.name == "dry-run" || global.name == "wait") return writes;
  // `rm` never asks, as with docker; to say so all the same is no mistake.
  if (global.name == "yes") return command.effect == Effect::Remove || command.name == "rm";
  if (global.name == "consistent" || global.name == "timeout") return command.effect == Effect::Read;
  if (global.name == "socket" || global.name == "context") return command.effect != Effect::Local;
  return true;
}

namespace {

template <class Same>
const Flag* find(const Command& command, Same same) {
  const auto own = std::find_if(command.flags.begin(), command.flags.end(), same);
  if (own != command.flags.end()) return &*own;
  const auto& global = global_flags();
  const auto found =
      std::find_if(global.begin(), global.end(), [&](const Flag& f) { return same(f) && applies(f, command); });
  return found == global.end() ? nullptr : &*found;
}

}  // namespace

const Flag* find_flag(const Command& command, std::string_view name) {
  return find(command, [&](const Flag& f) { return f.name == name; });
}

const Flag* find_flag(const Command& command, char letter) {
  return find(command, [&](const Flag& f) { return f.letter == letter; });
}

std::string field_of(const Flag& flag) {
  std::string field(flag.field.empty() ? flag.name : flag.field);
  if (flag.field.empty()) std::replace(field.begin(), field.end(), '-', '_');
  return field;
}

std::string variable_of(const Flag& flag) {
  std::string name = "WEFT_";
  for (const char c : flag.name) name += static_cast<char>(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

}  // namespace weft::cli
