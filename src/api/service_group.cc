// Groups and PrefixLists.
#include <algorithm>
#include <set>

#include "api/list.h"
#include "api/method.h"
#include "api/services.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "api/view.h"
#include "base/text.h"

namespace weft::api {

using base::Code;

namespace {

Result<v1::Created> create_group(Draft& draft, const v1::GroupCreateRequest& request) {
  v1::GroupSpec spec;
  spec.set_vpc(request.vpc());
  spec.set_on_revoke(request.on_revoke());
  spec.set_description(request.description());
  const auto placed = TRY(place(draft, request.name(), spec));
  const auto id = TRY(settle_group(draft, placed.name, placed.spec, IfThere::Same));
  return created(id.text, placed.name);
}

Result<v1::Changed> set_group(Draft& draft, const v1::GroupSetRequest& request) {
  model::Group group = draft.get(TRY(resolve_group(draft, request.name()).in_field("name")));
  if (request.has_on_revoke()) group.on_revoke = static_cast<model::OnRevoke>(request.on_revoke());
  if (request.has_description()) group.description = request.description();
  draft.put(group);
  return v1::Changed();
}

// The end of a rule is told in whole seconds.
base::WallTime rounded_up(base::WallTime time) {
  constexpr int64_t kSecond = 1'000'000'000;
  return {(time.ns + kSecond - 1) / kSecond * kSecond};
}

Result<std::optional<base::WallTime>> end_of(const Draft& draft, const v1::GroupAllowRequest& request) {
  if (!request.for_().empty() && !request.until().empty()) {
    return Error{.code = Code::Usage, .what = "a rule ends either after a duration or at a time", .field = "until"};
  }
  if (!request.for_().empty()) {
    const auto duration = TRY(base::parse_duration(request.for_()).in_field("for"));
    return std::optional(rounded_up(draft.around().now + duration));
  }
  if (request.until().empty()) return std::optional<base::WallTime>();
  const auto until = TRY(base::parse_time(request.until()).in_field("until"));
  if (until <= draft.around().now) {
    return Error{.code = Code::Usage, .what = fmt::format("{} is past", request.until()), .field = "until"};
  }
  return std::optional(until);
}

// Whether two rules speak of the same packets, whatever their end.
bool same_packets(const model::Rule& a, const model::Rule& b) {
  return a.group == b.group && a.direction == b.direction && a.traffic == b.traffic && a.peer == b.peer &&
         a.mode == b.mode;
}

// A rule that is there already gets the new end and description: `--for 4h` again
// is four hours from now. One without an end isn't made to end by accident.
Result<model::RuleId> settle_rule(Draft& draft, model::Rule rule) {
  for (const model::RuleId& id : draft.rules_of(rule.group)) {
    const model::Rule& there = draft.get(id);
    if (!same_packets(there, rule)) continue;
    if (!there.until && rule.until) {
      return Error{.code = Code::Conflict,
                   .what = fmt::format("rule {} allows it without an end; revoke that first", id.text),
                   .field = "until",
                   .holder = id.text};
    }
    rule.id = id;
    draft.put(rule);
    return id;
  }
  rule.id = draft.make_id<model::Rule>();
  draft.put(rule);
  return rule.id;
}

Result<v1::Created> allow(Draft& draft, const v1::GroupAllowRequest& request) {
  const model::Group& group = draft.get(TRY(resolve_group(draft, request.group()).in_field("group")));
  model::Rule rule;
  rule.group = group.id;
  rule.direction = static_cast<model::Direction>(request.direction());
  rule.traffic = TRY(model::Traffic::parse(request.traffic()).in_field("traffic"));
  rule.peer = TRY(take_peer(draft, request.peer(), {.vpc = group.vpc}).in_field("peer"));
  rule.until = TRY(end_of(draft, request));
  rule.mode = static_cast<model::Mode>(request.mode());
  rule.description = request.description();
  const auto id = TRY(settle_rule(draft, std::move(rule)));
  return created(id.text, id.text);
}

Result<v1::Changed> revoke(Draft& draft, const v1::GroupRevokeRequest& request) {
  if (request.rules().empty()) return Error{.code = Code::Usage, .what = "no rule is named", .field = "rules"};
  std::set<model::RuleId> rules;
  for (int i = 0; i < request.rules_size(); ++i) {
    rules.insert(TRY(resolve_rule(draft, request.rules(i)).in_field(fmt::format("rules[{}]", i))));
  }
  for (const model::RuleId& rule : rules) draft.remove(rule);
  return v1::Changed();
}

Result<v1::GroupListAnswer> list_groups(const Asked& asked, const v1::ListRequest& request) {
  return list_in_vpc<model::Group, v1::GroupListAnswer>(
      asked, request, [&](const model::Group& object) { return view(asked.backend.state(), object); });
}

Result<v1::GroupItem> get_group(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_group(asked.draft, request.name()).in_field("name"));
  return view_whole(asked.backend, asked.draft.get(id));
}

// Its rules go with it; rules of others that name it stand in the way.
Result<v1::Changed> remove_group(Draft& draft, const v1::RemoveRequest& request) {
  const auto id = TRY(resolve_group(draft, request.name()).in_field("name"));
  for (const model::RuleId& rule : draft.rules_of(id)) draft.remove(rule);
  draft.remove(id);
  return v1::Changed();
}

Result<v1::Created> create_prefix_list(Draft& draft, const v1::PrefixListCreateRequest& request) {
  v1::PrefixListSpec spec;
  *spec.mutable_prefixes() = request.prefixes();
  const auto id = TRY(settle_prefix_list(draft, request.name(), spec, IfThere::Same));
  return created(id.text, request.name());
}

Result<v1::Changed> set_prefix_list(Draft& draft, const v1::PrefixListSetRequest& request) {
  model::PrefixList list = draft.get(TRY(resolve_prefix_list(draft, request.name()).in_field("name")));
  std::set<net::Prefix> prefixes(list.prefixes.begin(), list.prefixes.end());
  for (const net::Prefix& prefix : TRY(take_prefixes(draft, request.remove(), "remove"))) {
    if (prefixes.erase(prefix) == 0) {
      return Error{.code = Code::NotFound,
                   .what = fmt::format("{} is not in prefix list {}", prefix.text(), list.name),
                   .field = "remove"};
    }
  }
  for (const net::Prefix& prefix : TRY(take_prefixes(draft, request.add(), "add"))) prefixes.insert(prefix);
  list.prefixes.assign(prefixes.begin(), prefixes.end());
  draft.put(list);
  return v1::Changed();
}

Result<v1::PrefixListListAnswer> list_prefix_lists(const Asked& asked, const v1::PrefixListListRequest&) {
  v1::PrefixListListAnswer answer;
  const model::State& state = asked.backend.state();
  for (const auto& [id, list] : state.all<model::PrefixList>()) *answer.add_items() = view(state, list);
  sort_by_name(*answer.mutable_items());
  return answer;
}

Result<v1::PrefixListItem> get_prefix_list(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_prefix_list(asked.draft, request.name()).in_field("name"));
  return view(asked.backend.state(), asked.draft.get(id));
}

Result<v1::Changed> remove_prefix_list(Draft& draft, const v1::RemoveRequest& request) {
  draft.remove(TRY(resolve_prefix_list(draft, request.name()).in_field("name")));
  return v1::Changed();
}

}  // namespace

void add_groups(Dispatch& dispatch) {
  add_write(dispatch, "Groups/Create", create_group);
  add_write(dispatch, "Groups/Set", set_group);
  add_write(dispatch, "Groups/Allow", allow);
  add_write(dispatch, "Groups/Revoke", revoke);
  add_read(dispatch, "Groups/List", list_groups);
  add_read(dispatch, "Groups/Get", get_group);
  add_write(dispatch, "Groups/Remove", remove_group);
  add_write(dispatch, "PrefixLists/Create", create_prefix_list);
  add_write(dispatch, "PrefixLists/Set", set_prefix_list);
  add_read(dispatch, "PrefixLists/List", list_prefix_lists);
  add_read(dispatch, "PrefixLists/Get", get_prefix_list);
  add_write(dispatch, "PrefixLists/Remove", remove_prefix_list);
}

}  // namespace weft::api
