// Groups, their rules, and prefix lists.
#include <algorithm>

#include "api/change.h"
#include "api/resolve.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "base/text.h"

namespace weft::api {

namespace {

Result<model::Rule> rule_of(Draft& draft, const model::Group& group, const v1::RuleSpec& spec) {
  model::Rule rule;
  rule.group = group.id;
  rule.direction = static_cast<model::Direction>(spec.direction());
  rule.traffic = TRY(model::Traffic::parse(spec.traffic().empty() ? "all" : spec.traffic()).in_field("traffic"));
  rule.peer = TRY(take_peer(draft, spec.peer(), {.vpc = group.vpc}).in_field("peer"));
  if (!spec.until().empty()) rule.until = TRY(base::parse_time(spec.until()).in_field("until"));
  rule.mode = static_cast<model::Mode>(spec.mode());
  rule.description = spec.description();
  return rule;
}

std::vector<model::Rule> open_egress(const model::GroupId& group) {
  std::vector<model::Rule> rules;
  for (const net::Family family : {net::Family::V4, net::Family::V6}) {
    model::Rule rule;
    rule.group = group;
    rule.direction = model::Direction::Out;
    rule.peer = net::Prefix::any(family);
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

void put_open_egress(Draft& draft, const model::GroupId& group) {
  for (model::Rule& rule : open_egress(group)) {
    rule.id = draft.make_id<model::Rule>();
    draft.put(std::move(rule));
  }
}

Result<model::Peer> take_peer(Draft& draft, const std::string& text, const Scope& scope) {
  auto peer = TRY(resolve_peer(draft, text, scope));
  if (std::holds_alternative<net::Prefix>(peer)) peer = TRY(take_prefix(draft, text));
  return peer;
}

Result<model::GroupId> settle_group(Draft& draft, const std::string& name, const v1::GroupSpec& spec, IfThere policy) {
  const model::VpcId vpc = TRY(resolve_vpc_or_default(draft, spec.vpc()).in_field("vpc"));
  const model::Group* there = find_named<model::Group>(draft, vpc.text, name);
  model::Group group;
  group.id = there != nullptr ? there->id : draft.make_id<model::Group>();
  group.name = name;
  group.vpc = vpc;
  group.on_revoke = static_cast<model::OnRevoke>(spec.on_revoke());
  group.description = spec.description();
  if (there == nullptr) {
    put_open_egress(draft, group.id);
  } else if (policy == IfThere::Same) {
    TRY_VOID(expect_same(*there, group));
  }
  draft.put(group);
  return group.id;
}

Result<> settle_rules(Draft& draft, const model::GroupId& id, const v1::GroupSpec& spec) {
  const model::Group group = draft.get(id);
  std::vector<model::Rule> wanted;
  for (int i = 0; i < spec.rules_size(); ++i) {
    wanted.push_back(TRY(rule_of(draft, group, spec.rules(i)).in_field(fmt::format("rules[{}]", i))));
  }
  const auto goes_out = [](const model::Rule& rule) { return rule.direction == model::Direction::Out; };
  const bool says_egress = std::any_of(wanted.begin(), wanted.end(), goes_out);
  if (says_egress && spec.no_egress()) {
    return Error{.code = base::Code::Usage, .what = "there are rules that go out", .field = "no_egress"};
  }
  if (!says_egress && !spec.no_egress()) {
    for (model::Rule& rule : open_egress(id)) wanted.push_back(std::move(rule));
  }
  replace_all(draft, draft.rules_of(id), std::move(wanted));
  return {};
}

Result<model::PrefixListId> settle_prefix_list(Draft& draft, const std::string& name, const v1::PrefixListSpec& spec,
                                               IfThere policy) {
  const model::PrefixList* there = find_named<model::PrefixList>(draft, "", name);
  model::PrefixList list;
  list.id = there != nullptr ? there->id : draft.make_id<model::PrefixList>();
  list.name = name;
  list.prefixes = TRY(take_prefixes(draft, spec.prefixes(), "prefixes"));
  std::sort(list.prefixes.begin(), list.prefixes.end());
  list.prefixes.erase(std::unique(list.prefixes.begin(), list.prefixes.end()), list.prefixes.end());
  if (there != nullptr && policy == IfThere::Same) TRY_VOID(expect_same(*there, list));
  draft.put(list);
  return list.id;
}

}  // namespace weft::api
