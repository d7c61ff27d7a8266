// For tests: an agreed state with a log, without a disk.
#pragma once

#include <gtest/gtest.h>

#include "feed/source.h"
#include "schema/command.h"

namespace weft::feed {

class FakeLog : public Log {
 public:
  const std::string& cluster() const override { return cluster_name; }
  const model::MachineId& machine() const override { return machine_id; }
  uint64_t revision() const override { return dropped + log.size(); }
  std::vector<model::Object> objects() const override { return state.objects(); }
  std::optional<std::vector<store::Entry>> entries_behind(uint64_t behind, size_t most) const override {
    if (behind < dropped || revision() - behind > most) return std::nullopt;
    return std::vector(log.begin() + static_cast<ptrdiff_t>(behind - dropped), log.end());
  }

  // Agreed and durable.
  Entry commit(std::vector<model::Operation> operations) {
    const model::Command command{.at = {1}, .actor = "test", .operations = std::move(operations)};
    const auto changes = state.apply(command);
    EXPECT_TRUE(changes.ok());
    log.push_back({.revision = revision() + 1, .bytes = schema::encode(command)});
    return {.revision = log.back().revision, .command = log.back().bytes, .attached = {}};
  }
  Entry put_list(const std::string& name) {
    return commit({model::Put{model::PrefixList{
        .id = model::PrefixListId::make(rng), .name = name, .prefixes = {*net::Prefix::parse("192.0.2.0/24")}}}});
  }
  // As a store does behind a snapshot.
  void forget() {
    dropped = revision();
    log.clear();
  }

  base::Rng rng{1};
  std::string cluster_name = "c-1";
  model::MachineId machine_id = model::MachineId::make(rng);
  model::State state;
  std::vector<store::Entry> log;
  uint64_t dropped = 0;
};

}  // namespace weft::feed
