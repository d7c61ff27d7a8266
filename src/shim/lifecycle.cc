#include "shim/lifecycle.h"

#include <algorithm>

#include "base/check.h"

namespace weft::shim {

using base::BootTime;
using base::Duration;
using workload::Again;
using workload::RestartPolicy;
using workload::RunState;

Act Lifecycle::step(BootTime now, const Event& event) {
  return std::visit([&](const auto& what) { return on(now, what); }, event);
}

Act Lifecycle::on(BootTime now, Launched) {
  CHECK(state_ == RunState::Created);
  state_ = RunState::Running;
  launched_ = now;
  return Act::Nothing;
}

Act Lifecycle::on(BootTime, NotLaunched) {
  CHECK(state_ == RunState::Created);
  return finish(RunState::Failed);
}

Act Lifecycle::on(BootTime now, const Ended& ended) {
  CHECK(state_ == RunState::Created || state_ == RunState::Running || state_ == RunState::Stopping);
  if (state_ == RunState::Stopping) return then_ == Then::Launch ? launch_again() : finish(RunState::Exited);
  if (!wants_another_run(ended.exit)) return finish(RunState::Exited);
  const bool was_steady = state_ == RunState::Running && now - launched_ >= restart_.steady;
  if (was_steady) wait_ = restart_.first;
  state_ = RunState::Backoff;
  wake_at_ = now + wait_;
  wait_ = std::min(wait_ * 2, restart_.longest);
  return Act::Nothing;
}

Act Lifecycle::on(BootTime now, const StopAsked& stop) {
  switch (state_) {
    case RunState::Created:
    case RunState::Backoff: return finish(RunState::Exited);
    case RunState::Running:
    case RunState::Stopping: return ask_to_end(now, stop.grace, Then::Finish);
    case RunState::Exited:
    case RunState::Failed: return Act::Nothing;
  }
  CHECK(false);
}

Act Lifecycle::on(BootTime now, const RestartAsked& restart) {
  switch (state_) {
    case RunState::Backoff: return launch_again();
    case RunState::Running: again_ = Again::ByPolicy; return ask_to_end(now, restart.grace, Then::Launch);
    // Who asked to stop before meant it; who asked to restart is being served.
    case RunState::Stopping:
    case RunState::Created:
    case RunState::Exited:
    case RunState::Failed: return Act::Nothing;
  }
  CHECK(false);
}

Act Lifecycle::on(BootTime, EndAsked) {
  switch (state_) {
    case RunState::Created:
    case RunState::Backoff: again_ = Again::Never; return finish(RunState::Exited);
    case RunState::Running:
    case RunState::Stopping:
      again_ = Again::Never;
      then_ = Then::Finish;
      return Act::Nothing;
    case RunState::Exited:
    case RunState::Failed: return Act::Nothing;
  }
  CHECK(false);
}

Act Lifecycle::on(BootTime now, Tick) {
  if (state_ == RunState::Created) return Act::Launch;
  if (!wake_at_ || now < *wake_at_) return Act::Nothing;
  if (state_ == RunState::Backoff) return launch_again();
  CHECK(state_ == RunState::Stopping);
  wake_at_.reset();
  return Act::Kill;
}

bool Lifecycle::wants_another_run(const workload::Exit& exit) const {
  if (again_ == Again::Never) return false;
  switch (restart_.policy) {
    case RestartPolicy::No: return false;
    case RestartPolicy::OnFailure: return exit.code != 0;
    case RestartPolicy::Always: return true;
  }
  CHECK(false);
}

Act Lifecycle::ask_to_end(BootTime now, Duration grace, Then then) {
  const BootTime deadline = now + grace;
  const bool asked_before = state_ == RunState::Stopping;
  // After the kill there is no deadline left; a second request can only bring it forward.
  if (!asked_before) wake_at_ = deadline;
  if (wake_at_) wake_at_ = std::min(*wake_at_, deadline);
  state_ = RunState::Stopping;
  then_ = then;
  return asked_before ? Act::Nothing : Act::Ask;
}

Act Lifecycle::launch_again() {
  state_ = RunState::Created;
  wake_at_.reset();
  ++restarts_;
  return Act::Launch;
}

Act Lifecycle::finish(RunState state) {
  state_ = state;
  wake_at_.reset();
  return Act::Finish;
}

}  // namespace weft::shim
