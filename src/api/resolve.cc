#include "api/resolve.h"

#include "base/text.h"
#include "schema/text.h"

namespace weft::api {

using base::Code;
using base::printable;

namespace {

// What a kind is called in messages.
template <class Tag>
struct Noun;
template <>
struct Noun<model::MachineTag> {
  static constexpr std::string_view word = "machine";
};
template <>
struct Noun<model::VpcTag> {
  static constexpr std::string_view word = "VPC";
};
template <>
struct Noun<model::SubnetTag> {
  static constexpr std::string_view word = "subnet";
};
template <>
struct Noun<model::GroupTag> {
  static constexpr std::string_view word = "security group";
};
template <>
struct Noun<model::RouteTableTag> {
  static constexpr std::string_view word = "route table";
};
template <>
struct Noun<model::AclTag> {
  static constexpr std::string_view word = "network ACL";
};
template <>
struct Noun<model::RuleTag> {
  static constexpr std::string_view word = "rule";
};
template <>
struct Noun<model::PrefixListTag> {
  static constexpr std::string_view word = "prefix list";
};
template <>
struct Noun<model::TniTag> {
  static constexpr std::string_view word = "TNI";
};
template <>
struct Noun<model::WorkloadTag> {
  static constexpr std::string_view word = "workload";
};

template <class Tag>
Error not_found(std::string_view text) {
  return error(Code::NotFound, "there is no {} {}", Noun<Tag>::word, printable(text));
}

// The name of what a name's scope names, to write SCOPE/NAME.
std::string scope_name(const Draft& draft, const std::string& scope) {
  if (const auto* vpc = draft.find(model::VpcId{scope})) return vpc->name;
  if (const auto* machine = draft.find(model::MachineId{scope})) return machine->name;
  return scope;
}

template <class Tag>
Error ambiguous(const Draft& draft, std::string_view name,
                const std::vector<std::pair<std::string, std::string>>& found) {
  constexpr size_t kMostCandidates = 10;
  std::string candidates;
  for (size_t i = 0; i < found.size() && i < kMostCandidates; ++i) {
    candidates += fmt::format("{}{}/{}", i ? ", " : "", scope_name(draft, found[i].first), name);
  }
  if (found.size() > kMostCandidates) candidates += ", ...";
  return error(Code::Usage, "{} is the name of more than one {}: {}", printable(name), Noun<Tag>::word, candidates);
}

template <class Tag>
Result<base::Id<Tag>> resolve(const Draft& draft, std::string_view text, const std::string& home) {
  if (text.empty()) return error(Code::Usage, "no {} is named", Noun<Tag>::word);
  if (base::Id<Tag>::looks_like(text) && draft.find(base::Id<Tag>{std::string(text)}) != nullptr) {
    return base::Id<Tag>{std::string(text)};
  }
  const size_t slash = text.find('/');
  const std::string_view name = slash == std::string_view::npos ? text : text.substr(slash + 1);
  const auto found = draft.find_names(Tag::kPrefix, name);
  if (slash != std::string_view::npos) {
    for (const auto& [scope, id] : found) {
      if (!scope.empty() && (scope_name(draft, scope) == text.substr(0, slash) || scope == text.substr(0, slash))) {
        return base::Id<Tag>{id};
      }
    }
    return not_found<Tag>(text);
  }
  for (const auto& [scope, id] : found) {
    if (scope == home && !home.empty()) return base::Id<Tag>{id};
  }
  if (found.empty()) return not_found<Tag>(text);
  if (found.size() > 1) return ambiguous<Tag>(draft, name, found);
  return base::Id<Tag>{found.front().second};
}

// All objects of the kind that the text may mean.
template <class Tag>
void look_up(const Draft& draft, std::string_view text, std::vector<model::AnyId>& found) {
  if (text.find('/') == std::string_view::npos) {
    for (const auto& [scope, id] : draft.find_names(Tag::kPrefix, text)) found.emplace_back(base::Id<Tag>{id});
  } else if (const auto one = resolve<Tag>(draft, text, {}); one.ok()) {
    found.emplace_back(*one);
  }
}

// The word in front of the colon.
template <class Tag>
std::string_view kind_of(const base::Id<Tag>&) {
  return Tag::kPrefix;
}
std::string_view kind_of(const model::RouteTableId&) { return "table"; }
std::string_view kind_of(const model::MachineId&) { return "machine"; }
std::string_view kind_of(const model::WorkloadId&) { return "workload"; }

// KIND:NAME or KIND:VPC/NAME, which is nobody else's.
std::string full_name(const Draft& draft, const model::AnyId& any) {
  return std::visit(
      [&](const auto& id) {
        const auto& object = draft.get(id);
        if constexpr (requires {
                        object.vpc;
                        object.name;
                      }) {
          return fmt::format("{}:{}/{}", kind_of(id), draft.get(object.vpc).name, object.name);
        } else if constexpr (requires { object.name; }) {
          return fmt::format("{}:{}", kind_of(id), object.name);
        } else {
          return id.text;
        }
      },
      any);
}

}  // namespace

Result<model::VpcId> resolve_vpc(const Draft& draft, std::string_view text) {
  return resolve<model::VpcTag>(draft, text, {});
}
Result<model::VpcId> resolve_vpc_or_default(const Draft& draft, std::string_view text) {
  return resolve_vpc(draft, text.empty() ? kDefaultName : text);
}
Result<model::SubnetId> resolve_subnet(const Draft& draft, std::string_view text, const Scope& scope) {
  return resolve<model::SubnetTag>(draft, text, scope.vpc.text);
}
Result<model::GroupId> resolve_group(const Draft& draft, std::string_view text, const Scope& scope) {
  return resolve<model::GroupTag>(draft, text, scope.vpc.text);
}
Result<model::RouteTableId> resolve_table(const Draft& draft, std::string_view text, const Scope& scope) {
  return resolve<model::RouteTableTag>(draft, text, scope.vpc.text);
}
Result<model::AclId> resolve_acl(const Draft& draft, std::string_view text, const Scope& scope) {
  return resolve<model::AclTag>(draft, text, scope.vpc.text);
}
Result<model::TniId> resolve_tni(const Draft& draft, std::string_view text, const Scope& scope) {
  return resolve<model::TniTag>(draft, text, scope.vpc.text);
}
Result<model::PrefixListId> resolve_prefix_list(const Draft& draft, std::string_view text) {
  return resolve<model::PrefixListTag>(draft, text, {});
}
Result<model::WorkloadId> resolve_workload(const Draft& draft, std::string_view text) {
  return resolve<model::WorkloadTag>(draft, text, draft.around().machine.text);
}
Result<model::RuleId> resolve_rule(const Draft& draft, std::string_view text) {
  model::RuleId id{std::string(text)};
  if (!model::RuleId::looks_like(text)) return error(Code::Usage, "{} is not a rule's id (sgr-...)", printable(text));
  if (draft.find(id) == nullptr) return not_found<model::RuleTag>(text);
  return id;
}

Result<model::Peer> resolve_peer(const Draft& draft, std::string_view text, const Scope& scope) {
  if (text.starts_with("sg:")) return model::Peer(TRY(resolve_group(draft, text.substr(3), scope)));
  if (text.starts_with("pl:")) return model::Peer(TRY(resolve_prefix_list(draft, text.substr(3))));
  if (model::GroupId::looks_like(text)) return model::Peer(TRY(resolve_group(draft, text)));
  if (model::PrefixListId::looks_like(text)) return model::Peer(TRY(resolve_prefix_list(draft, text)));
  const auto prefix = net::Prefix::parse(text);
  if (!prefix.ok()) return error(Code::Usage, "{} is not a prefix, sg:NAME or pl:NAME", printable(text));
  return model::Peer(*prefix);
}

Result<model::Destination> resolve_destination(const Draft& draft, std::string_view text) {
  if (text.starts_with("pl:")) return model::Destination(TRY(resolve_prefix_list(draft, text.substr(3))));
  if (model::PrefixListId::looks_like(text)) return model::Destination(TRY(resolve_prefix_list(draft, text)));
  const auto prefix = net::Prefix::parse(text);
  if (!prefix.ok()) return error(Code::Usage, "{} is not a prefix or pl:NAME", printable(text));
  return model::Destination(*prefix);
}

Result<model::RouteTarget> resolve_target(const Draft& draft, std::string_view text, const Scope& scope) {
  if (text.starts_with("tni:")) return model::RouteTarget(TRY(resolve_tni(draft, text.substr(4), scope)));
  if (model::TniId::looks_like(text)) return model::RouteTarget(TRY(resolve_tni(draft, text, scope)));
  for (const std::string_view later : {"nat:", "peering:"}) {
    if (text.starts_with(later)) return error(Code::Usage, "{}: not in this version", printable(text));
  }
  model::RouteTarget way;
  if (schema::parse_text(text, way).ok()) return way;
  return error(Code::Usage, "{} is not igw, eigw, blackhole or tni:NAME", printable(text));
}

Result<model::AnyId> resolve_any(const Draft& draft, std::string_view text) {
  if (const auto id = schema::parse_any_id(text); id.ok()) {
    if (std::visit([&](const auto& i) { return draft.find(i) != nullptr; }, *id)) return *id;
  }
  const size_t colon = text.find(':');
  const std::string_view kind = colon == std::string_view::npos ? "" : text.substr(0, colon);
  const std::string_view name = colon == std::string_view::npos ? text : text.substr(colon + 1);
  std::vector<model::AnyId> found;
  if (kind.empty() || kind == "vpc") look_up<model::VpcTag>(draft, name, found);
  if (kind.empty() || kind == "subnet") look_up<model::SubnetTag>(draft, name, found);
  if (kind.empty() || kind == "table") look_up<model::RouteTableTag>(draft, name, found);
  if (kind.empty() || kind == "acl") look_up<model::AclTag>(draft, name, found);
  if (kind.empty() || kind == "sg") look_up<model::GroupTag>(draft, name, found);
  if (kind.empty() || kind == "pl") look_up<model::PrefixListTag>(draft, name, found);
  if (kind.empty() || kind == "tni") look_up<model::TniTag>(draft, name, found);
  if (kind.empty() || kind == "workload") look_up<model::WorkloadTag>(draft, name, found);
  if (kind.empty() || kind == "machine") look_up<model::MachineTag>(draft, name, found);
  if (found.size() == 1) return found.front();
  if (found.empty()) return error(Code::NotFound, "there is nothing called {}", printable(text));
  std::string candidates;
  for (const model::AnyId& id : found) candidates += (candidates.empty() ? "" : ", ") + full_name(draft, id);
  return error(Code::Usage, "{} names more than one object: {}", printable(text), candidates);
}

}  // namespace weft::api
