// Item: all that the runtime holds of one workload.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "model/ids.h"
#include "runtime/control_linux.h"
#include "runtime/life.h"
#include "workload/spec.h"

namespace weft::runtime {

// Who waits for an end, or for what is wanted. Dropping it ends the waiting.
struct Waiter {
  std::function<void(const workload::Status&)> on_status;
};

// The owner's connection of a workload that started attached, until it is fetched.
struct Reserved {
  workload::ShimClient client;
  boost::asio::steady_timer expiry;
};

// For a parent that can't be reached although it may live.
struct Search {
  base::BootTime again;
  base::BootTime until;
};

struct Item {
  Item(boost::asio::io_context& loop, model::WorkloadId name) : id(std::move(name)), timer(loop) {}

  model::WorkloadId id;
  Life life;
  std::optional<workload::Spec> spec;  // for the next start
  std::optional<Record> saved;         // what the state directory has
  workload::Status shown;              // what was told last
  std::shared_ptr<Control> control;    // while the parent lives
  std::optional<base::BootTime> met;   // when it was connected to
  std::optional<Search> search;
  std::optional<Reserved> reserved;
  std::vector<std::weak_ptr<Waiter>> end_waiters;
  std::vector<std::weak_ptr<Waiter>> wanted_waiters;
  boost::asio::steady_timer timer;
  enum class Queue { Out, In } queue = Queue::Out;      // of those to be started
  enum class Found { Before, Now } found = Found::Now;  // by an earlier weftd, and not yet in an update
};

// Whether what is shown is the end, for good.
inline bool is_over(const workload::Status& shown) {
  return shown.state == workload::RunState::Exited || shown.state == workload::RunState::Failed;
}

}  // namespace weft::runtime
