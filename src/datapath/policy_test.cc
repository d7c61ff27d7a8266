// The compiled tables say what the rules say: whatever came before, at every
// write of a change, and after a start from nothing.
#include "datapath/policy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "datapath/policy_evaluate.h"
#include "datapath/random_world.h"

namespace weft::datapath {
namespace {

using model::Direction;
using model::Mode;
using model::Tni;

constexpr auto kDirections = {Direction::In, Direction::Out};
constexpr auto kModes = {Mode::Enforce, Mode::Audit};

// A question to the rules of a TNI, in the nouns.
struct Asked {
  Tni tni;
  std::optional<Tni> peer;
  net::Address address;
  Direction direction;
  Mode mode;
  uint8_t protocol;
  uint16_t selector;
};

std::vector<Asked> some_questions(const model::State& state, base::Rng& rng, size_t count) {
  std::vector<const Tni*> tnis;
  for (const auto& [id, tni] : state.all<Tni>()) tnis.push_back(&tni);
  std::vector<Asked> questions;
  RandomWorld world(rng);
  for (size_t i = 0; i < count && !tnis.empty(); ++i) {
    const auto packet = world.packet(state);
    if (!packet) break;
    const Tni& tni = *tnis[rng.below(tnis.size())];
    const Tni* peer = state.holder_of(tni.vpc, packet->target.address);
    for (const Direction direction : kDirections) {
      for (const Mode mode : kModes) {
        questions.push_back({tni, peer == nullptr ? std::nullopt : std::optional(*peer), packet->target.address,
                             direction, mode, packet->protocol, packet->selector});
      }
    }
  }
  return questions;
}

uint64_t by_rules(const model::State& state, base::WallTime now, const Asked& asked) {
  const model::RuleId id = model::first_rule(state, now, asked.tni, asked.direction, asked.mode, asked.address,
                                             asked.peer ? &*asked.peer : nullptr, asked.protocol, asked.selector);
  return id.empty() ? 0 : id.number();
}

PolicyImage::Question question_of(const Policy& policy, const Asked& asked) {
  return {.set = policy.set_slot(asked.tni.groups),
          .direction = asked.direction,
          .mode = asked.mode,
          .peer = asked.address,
          .peer_set = asked.peer ? policy.set_slot(asked.peer->groups) : 0,
          .protocol = asked.protocol,
          .selector = asked.selector};
}

struct Compiled {
  model::State state;
  Policy policy{{}};
  PolicyImage image;
  uint32_t generation = 1;
  base::WallTime now{1'000'000'000'000};

  void carry_out(const PolicyPlan& plan) {
    ++generation;
    image.prepare(plan, generation, [] {});
    image.clean(plan, [] {});
    policy.release(plan);
  }
  // What a random command changed; nothing: it was refused.
  std::optional<model::Changes> change(RandomWorld& world) {
    auto changes = state.apply(world.command(state, now));
    return changes.ok() ? std::optional(std::move(*changes)) : std::nullopt;
  }
  // The same, carried out. Whether it was taken.
  bool step(RandomWorld& world) {
    const auto changes = change(world);
    if (changes) carry_out(policy.update(state, *changes));
    return changes.has_value();
  }
  void remove_everything(RandomWorld& world) {
    for (uint64_t v = 0; v < RandomWorld::kVpcs; ++v) {
      const auto changes = state.apply(world.end_of(state, v));
      RC_ASSERT(changes.ok());
      carry_out(policy.update(state, *changes));
    }
  }
};

void expect_as_the_rules(const Compiled& run, base::Rng& rng, size_t count) {
  for (const Asked& asked : some_questions(run.state, rng, count)) {
    for (const int64_t seconds : {0, 1, 30, 100}) {
      const base::WallTime then = run.now + std::chrono::seconds(seconds);
      RC_ASSERT(run.image.first_rule(question_of(run.policy, asked), run.generation, then) ==
                by_rules(run.state, then, asked));
    }
  }
}

RC_GTEST_PROP(Policy, TablesSayWhatTheRulesSayAfterEachChange, (uint64_t seed, std::vector<uint32_t> codes)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  for (size_t i = 0; i < 4 + codes.size(); ++i) {
    if (!run.step(world)) continue;
    RC_ASSERT(run.policy.problems().empty());
    RC_ASSERT(run.image.holds(run.policy.tables()));
    expect_as_the_rules(run, rng, 6);
    run.now = run.now + std::chrono::seconds(rng.below(20));
  }
}

// What is judged when a command is validated holds of what is compiled.
RC_GTEST_PROP(Policy, TheTablesAreNoLargerThanTheirBudget, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  for (int i = 0; i < 60; ++i) {
    if (!run.step(world)) continue;
    const model::PolicySize size = run.state.policy_size();
    RC_ASSERT(size == model::State::of(run.state.objects()).policy_size());
    const PolicyTables& tables = run.policy.tables();
    RC_ASSERT(tables.prefixes.size() + tables.identities.size() <= size.entries);
    RC_ASSERT(tables.cells.size() <= size.kinds);
    RC_ASSERT(tables.choices.size() <= size.choices);
    RC_ASSERT(tables.rules.size() <= size.rules);
    RC_ASSERT(tables.sets.size() == size.sets);
    std::set<uint32_t> groups;
    for (const auto& [slot, row] : tables.sets) groups.insert(row.groups.begin(), row.groups.end());
    for (const auto& [key, rule_class] : tables.identities) groups.insert(key.group);
    RC_ASSERT(groups.size() <= size.groups);
  }
}

RC_GTEST_PROP(Policy, ALookUpDuringAChangeIsWhollyOldOrWhollyNew, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  for (int i = 0; i < 40; ++i) {
    const auto questions = some_questions(run.state, rng, 3);
    std::vector<std::pair<PolicyImage::Question, uint64_t>> before;
    for (const Asked& asked : questions) {
      before.emplace_back(question_of(run.policy, asked), by_rules(run.state, run.now, asked));
    }
    const auto changes = run.change(world);
    if (!changes) continue;
    const PolicyPlan plan = run.policy.update(run.state, *changes);
    run.image.prepare(plan, run.generation + 1, [&] {
      for (const auto& [question, rule] : before) {
        RC_ASSERT(run.image.first_rule(question, run.generation, run.now) == rule);
      }
    });
    ++run.generation;
    std::vector<std::pair<PolicyImage::Question, uint64_t>> after;
    for (const Asked& asked : some_questions(run.state, rng, 3)) {
      after.emplace_back(question_of(run.policy, asked), by_rules(run.state, run.now, asked));
    }
    const auto wholly_new = [&] {
      for (const auto& [question, rule] : after) {
        RC_ASSERT(run.image.first_rule(question, run.generation, run.now) == rule);
      }
    };
    wholly_new();
    run.image.clean(plan, wholly_new);
    run.policy.release(plan);
  }
}

RC_GTEST_PROP(Policy, FromNothingItSaysTheSame, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  for (int i = 0; i < 60; ++i) run.step(world);
  Compiled fresh;
  fresh.state = model::State::of(run.state.objects());
  fresh.carry_out(fresh.policy.update(fresh.state, fresh.state.everything()));
  expect_as_the_rules(fresh, rng, 30);
  const PolicyTables &one = run.policy.tables(), &other = fresh.policy.tables();
  RC_ASSERT(one.prefixes.size() == other.prefixes.size());
  RC_ASSERT(one.identities.size() == other.identities.size());
  RC_ASSERT(one.sets.size() == other.sets.size());
  RC_ASSERT(one.cells.size() == other.cells.size());
  RC_ASSERT(one.choices.size() == other.choices.size());
  RC_ASSERT(one.rules.size() == other.rules.size());
}

RC_GTEST_PROP(Policy, NothingIsLeftWhenEverythingIsRemoved, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  for (int i = 0; i < 60; ++i) run.step(world);
  run.remove_everything(world);
  RC_ASSERT(run.policy.tables() == PolicyTables{});
  RC_ASSERT(run.image.holds(PolicyTables{}));
}

RC_GTEST_PROP(Policy, ASlotServesNothingElseBeforeItsRelease, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  // So few that they are used again soon.
  run.policy =
      Policy({.most_sets = 32, .most_groups = 32, .most_classes = 150, .most_choices = 300, .most_rules = 100});
  for (int i = 0; i < 60; ++i) {
    const auto changes = run.change(world);
    if (!changes) continue;
    const PolicyTables before = run.policy.tables();
    const PolicyPlan plan = run.policy.update(run.state, *changes);
    const PolicyTables& after = run.policy.tables();
    const auto unused = [](const auto& gone, const auto& table) {
      return std::none_of(gone.begin(), gone.end(), [&](uint32_t slot) { return table.contains(slot); });
    };
    RC_ASSERT(unused(plan.gone_sets, after.sets));
    RC_ASSERT(unused(plan.gone_choices, after.choices));
    RC_ASSERT(unused(plan.gone_rules, after.rules));
    for (const auto& [key, head] : after.cells) {
      RC_ASSERT(std::count(plan.gone_classes.begin(), plan.gone_classes.end(), key.rule_class) == 0);
    }
    // What is written before anybody may see it is seen by nobody: no slot of before.
    for (const auto& [slot, row] : plan.rules) RC_ASSERT(!before.rules.contains(slot));
    for (const auto& [slot, row] : plan.choices) RC_ASSERT(!before.choices.contains(slot));
    for (const auto& [key, head] : plan.cells) RC_ASSERT(!before.cells.contains(key));
    if (rng.one_in(2)) run.policy.release(plan);
  }
}

RC_GTEST_PROP(Policy, AVersionStaysExactlyWhileItsRulesDo, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  for (int i = 0; i < 60; ++i) {
    const auto changes = run.change(world);
    if (!changes) continue;
    const PolicyTables before = run.policy.tables();
    run.carry_out(run.policy.update(run.state, *changes));
    const PolicyTables& after = run.policy.tables();
    std::set<uint32_t> changed;
    const auto set_of = [](uint32_t table) { return (table & ~uint32_t{abi::TABLE_AUDIT}) / 2; };
    const auto compare = [&](const auto& one, const auto& other) {
      for (const auto& [key, value] : one) {
        const auto found = other.find(key);
        if (found == other.end() || found->second != value) changed.insert(set_of(key.table));
      }
    };
    compare(before.prefixes, after.prefixes);
    compare(after.prefixes, before.prefixes);
    compare(before.identities, after.identities);
    compare(after.identities, before.identities);
    for (const auto& [slot, row] : after.sets) {
      const auto had = before.sets.find(slot);
      if (had == before.sets.end()) continue;
      const bool hints = had->second.audited != row.audited || had->second.names_groups != row.names_groups;
      RC_ASSERT((had->second.version != row.version) == (changed.contains(slot) || hints));
    }
  }
}

RC_GTEST_PROP(Policy, WhatDoesntFitDeniesAndSaysSo, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  const auto most = [&] { return static_cast<uint32_t>(2 + rng.below(30)); };
  run.policy = Policy({.most_sets = most(), .most_classes = most(), .most_choices = most(), .most_rules = most()});
  for (int i = 0; i < 40; ++i) {
    if (!run.step(world)) continue;
    for (const Asked& asked : some_questions(run.state, rng, 6)) {
      const uint64_t found = run.image.first_rule(question_of(run.policy, asked), run.generation, run.now);
      const uint64_t wanted = by_rules(run.state, run.now, asked);
      RC_ASSERT(found == 0 || wanted != 0);
      RC_ASSERT(found == wanted || !run.policy.problems().empty());
    }
  }
  run.remove_everything(world);
  RC_ASSERT(run.policy.problems().empty());
  RC_ASSERT(run.image.holds(PolicyTables{}));
}

// Whatever is short and however it became free.
RC_GTEST_PROP(Policy, WhatDidntFitIsThereAsSoonAsThereIsRoom, (uint64_t seed)) {
  base::Rng rng(seed);
  RandomWorld world(rng);
  Compiled run;
  const auto most = [&] { return static_cast<uint32_t>(2 + rng.below(30)); };
  const Policy::Options room{
      .most_sets = most(), .most_groups = most(), .most_classes = most(), .most_choices = most(), .most_rules = most()};
  run.policy = Policy(room);
  for (int i = 0; i < 40; ++i) {
    if (!run.step(world)) continue;
    // What went in the last update is free in the next.
    run.carry_out(run.policy.update(run.state, {}));
    if (run.policy.problems().empty()) expect_as_the_rules(run, rng, 3);
    Policy fresh(room);
    fresh.update(run.state, run.state.everything());
    RC_ASSERT(fresh.problems().empty() == run.policy.problems().empty());
  }
}

TEST(Policy, ASetThatGoesGivesItsSlotBackThoughItSaidNothing) {
  model::State state;
  const model::VpcId vpc{"vpc-0000000000000001"};
  const model::GroupId group{"sg-0000000000000001"};
  const Tni tni{.id = {"tni-0000000000000001"}, .vpc = vpc, .groups = {group}};
  state = model::State::of({model::Group{.id = group, .name = "g", .vpc = vpc}, tni});
  Policy policy({});
  policy.release(policy.update(state, state.everything()));
  state = model::State::of({model::Group{.id = group, .name = "g", .vpc = vpc}});
  const PolicyPlan plan = policy.update(state, {{.before = tni, .after = std::nullopt}});
  EXPECT_FALSE(plan.empty());
  EXPECT_EQ(plan.gone_sets.size(), 1u);
}

TEST(Policy, AnotherDeadlineOfARuleIsSeenOnlyWithTheNewGeneration) {
  base::Rng rng(1);
  RandomWorld world(rng);
  Compiled run;
  const auto apply = [&](model::Command command) {
    auto changes = run.state.apply(command);
    EXPECT_TRUE(changes.ok()) << changes.error().what;
    return run.policy.update(run.state, *changes);
  };
  while (run.state.all<Tni>().empty()) run.step(world);
  const Tni tni = run.state.all<Tni>().begin()->second;
  for (const auto& [id, rule] : std::map(run.state.all<model::Rule>())) {
    run.carry_out(apply({.operations = {model::Remove{id}}}));
  }
  model::Rule rule{.id = model::RuleId::of(77),
                   .group = tni.groups.front(),
                   .peer = net::Prefix::any(net::Family::V4),
                   .until = run.now + std::chrono::seconds(60)};
  run.carry_out(apply({.operations = {model::Put{rule}}}));
  const PolicyImage::Question question{
      .set = run.policy.set_slot(tni.groups), .peer = *net::Address::parse("192.0.2.1"), .protocol = 6, .selector = 80};
  EXPECT_EQ(run.image.first_rule(question, run.generation, run.now), 77u);
  rule.until = run.now;
  const PolicyPlan plan = apply({.operations = {model::Put{rule}}});
  run.image.prepare(plan, run.generation + 1,
                    [&] { EXPECT_EQ(run.image.first_rule(question, run.generation, run.now), 77u); });
  EXPECT_EQ(run.image.first_rule(question, run.generation + 1, run.now), 0u);
}

}  // namespace
}  // namespace weft::datapath
