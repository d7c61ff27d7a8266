// The data plane's replica of the agreed state: a snapshot, then every entry in
// the order of the log. What it has it keeps when the connection ends.
#pragma once

#include <optional>
#include <vector>

#include "feed/message.h"
#include "model/state.h"

namespace weft::feed {

class Follower {
 public:
  // What is to be carried out: from what was carried out before to state().
  struct News {
    model::Changes changes;
    std::vector<model::WorkloadId> attached;
  };

  // Begins a connection: what was under way on the one before is forgotten.
  Hello hello();
  // Absent: nothing new yet. An error: the control plane sent what can't be, and a
  // new connection is to begin.
  Result<std::optional<News>> take(const ToData& message);

  const model::State& state() const { return state_; }
  uint64_t revision() const { return revision_; }
  const model::MachineId& machine() const { return machine_; }
  // Why the control plane takes no command, as it said last.
  const std::string& read_only() const { return read_only_; }
  // Whether entries are expected: all that was sent has been taken.
  bool follows() const { return phase_ == Phase::Following; }

 private:
  Result<std::optional<News>> take_one(const Welcome& welcome);
  Result<std::optional<News>> take_one(const Part& part);
  Result<std::optional<News>> take_one(const Entry& entry);
  Result<std::optional<News>> take_one(const Pulse& pulse);
  News replace_state();

  enum class Phase { Greeting, Collecting, Following } phase_ = Phase::Greeting;
  std::string cluster_;
  model::MachineId machine_;
  uint64_t revision_ = 0;
  model::State state_;
  std::string read_only_;
  Welcome welcome_;  // of the snapshot that is being collected
  std::vector<model::Object> collected_;
  uint32_t missing_ = 0;  // parts
};

// What turns one state into another: what goes first, then what comes or changes.
model::Changes difference(const model::State& from, const model::State& to);

}  // namespace weft::feed
