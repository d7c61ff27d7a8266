#include "diagnosis/trace_rules.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "diagnosis/trace.h"

namespace weft::diagnosis {

namespace {

using model::Rule;

std::string peer_text(const model::State& state, const model::Peer& peer, const model::VpcId& home) {
  if (const auto* prefix = std::get_if<net::Prefix>(&peer)) return prefix->text();
  if (const auto* list = std::get_if<model::PrefixListId>(&peer)) return "pl:" + state.get(*list).name;
  const model::Group* group = state.find(std::get<model::GroupId>(peer));
  if (group == nullptr) return std::get<model::GroupId>(peer).text;
  if (group->vpc == home) return "sg:" + group->name;
  return fmt::format("sg:{}/{}", state.get(group->vpc).name, group->name);
}

std::string_view preposition(model::Direction direction) { return direction == model::Direction::In ? "from" : "to"; }

std::string rule_text(const model::State& state, const Rule& rule) {
  const std::string peer = peer_text(state, rule.peer, state.get(rule.group).vpc);
  std::string text = fmt::format("{} {} {}", rule.traffic.text(), preposition(rule.direction), peer);
  if (!rule.description.empty()) text += " " + base::printable(rule.description);
  return text;
}

std::vector<const Rule*> rules_of(const model::State& state, const model::GroupId& group, model::Direction direction) {
  std::vector<const Rule*> rules;
  for (const model::RuleId& id : state.rules_of(group)) {
    const Rule& rule = state.get(id);
    if (rule.direction == direction) rules.push_back(&rule);
  }
  return rules;
}

std::string count_text(size_t count, model::Direction direction) {
  return fmt::format("{} {} rule{}", count, direction == model::Direction::In ? "ingress" : "egress",
                     count == 1 ? "" : "s");
}

// A rule that failed in one respect only. The nearest first.
struct Near {
  enum Lack { Enforced, Time, Traffic, Peer } lack;
  const Rule* rule;
};

std::optional<Near> near_of(const model::State& state, base::WallTime now, const RuleQuestion& question,
                            const Rule& rule) {
  const bool traffic = rule.traffic.matches(question.protocol, question.selector);
  const bool peer = peer_matches(state, rule, question.peer_address, question.peer);
  const bool live = rule.live_at(now), enforced = rule.mode == model::Mode::Enforce;
  if (traffic + peer + live + enforced != 3) return std::nullopt;
  if (!enforced) return Near{Near::Enforced, &rule};
  if (!live) return Near{Near::Time, &rule};
  return Near{traffic ? Near::Peer : Near::Traffic, &rule};
}

std::string tell(const model::State& state, const Near& near) {
  const std::string rule = near.rule->id.text + " allows " + rule_text(state, *near.rule);
  if (near.lack == Near::Enforced) return rule + ", but is an audit: it only counts";
  if (near.lack == Near::Time) return rule + ", but ended at " + base::format_time(*near.rule->until);
  return rule;
}

// "group data: none of 2 ingress rules; nearest: sgr-... allows tcp:80 from sg:front"
std::string tell_group(const model::State& state, base::WallTime now, const RuleQuestion& question,
                       const model::GroupId& group) {
  const auto rules = rules_of(state, group, question.direction);
  const std::string& name = state.get(group).name;
  const std::string count = count_text(rules.size(), question.direction);
  if (rules.empty()) return fmt::format("group {}: no {}", name, count.substr(2));
  std::vector<Near> nearest;
  for (const Rule* rule : rules) {
    if (const auto near = near_of(state, now, question, *rule)) nearest.push_back(*near);
  }
  std::stable_sort(nearest.begin(), nearest.end(), [](const Near& a, const Near& b) { return a.lack < b.lack; });
  nearest.resize(std::min(nearest.size(), kMostNearRules));
  std::string text = fmt::format("group {}: none of {}", name, count);
  for (size_t i = 0; i < nearest.size(); ++i) text += (i == 0 ? "; nearest: " : ", ") + tell(state, nearest[i]);
  return text;
}

std::string asked(const RuleQuestion& question) {
  return fmt::format("{} {} {}", traffic_text(question.protocol, question.selector), preposition(question.direction),
                     question.peer_address.text());
}

// Whether a rule of the group allows it, be it the one that is named or not.
bool allows(const model::State& state, base::WallTime now, const RuleQuestion& question, const model::GroupId& group) {
  model::Tni only = question.tni;
  only.groups = {group};
  return !first_rule(state, now, only, question.direction, model::Mode::Enforce, question.peer_address, question.peer,
                     question.protocol, question.selector)
              .empty();
}

}  // namespace

std::string traffic_text(uint8_t protocol, uint16_t selector) {
  const bool selects = model::has_ports(protocol) || model::is_icmp(protocol);
  if (!selects) return model::Traffic{.protocol = protocol}.text();
  return model::Traffic{.protocol = protocol, .first = selector, .last = selector}.text();
}

std::string tell_allowed(const model::State& state, base::WallTime now, const RuleQuestion& question,
                         const model::RuleId& id) {
  const Rule& rule = state.get(id);
  std::string text = fmt::format("group {} allows {}", state.get(rule.group).name, rule_text(state, rule));
  if (rule.until) text += ", until " + base::format_time(*rule.until);
  for (const model::GroupId& group : question.tni.groups) {
    if (group == rule.group) continue;
    if (allows(state, now, question, group)) {
      text += fmt::format("; group {} allows it, too", state.get(group).name);
    } else {
      text += fmt::format("; group {}: none of {}", state.get(group).name,
                          count_text(rules_of(state, group, question.direction).size(), question.direction));
    }
  }
  return text;
}

std::string tell_denied(const model::State& state, base::WallTime now, const RuleQuestion& question) {
  std::string text = "no rule allows " + asked(question);
  for (const model::GroupId& group : question.tni.groups) text += "; " + tell_group(state, now, question, group);
  return text;
}

}  // namespace weft::diagnosis
