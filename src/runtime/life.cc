#include "runtime/life.h"

#include "base/check.h"

namespace weft::runtime {

using model::Restart;
using model::Wanted;
using workload::RunState;
using workload::Status;

namespace {

bool says_again(Restart policy, const Status& end) {
  if (end.again == workload::Again::Never) return false;
  switch (policy) {
    case Restart::No: return false;
    case Restart::OnFailure: return !end.exit || end.exit->code != 0;
    case Restart::Always: return true;
  }
  CHECK(false);
}

constexpr workload::Exit kKilled = {.code = 137, .signal = 9};

}  // namespace

void Life::set_wish(const std::optional<Wish>& wish) {
  const bool is_same_start = wish_ && wish && wish_->generation == wish->generation;
  if (wish_ && !is_same_start) {
    not_before_.reset();
    delay_.clear();
    backoff_.reset();
  }
  wish_ = wish;
  take_unknown_generation();
}

// What was found without a record is taken for what is wanted: to run it twice would be worse.
void Life::take_unknown_generation() {
  if (!wish_) return;
  if (live_ && !record_) record_.emplace();
  if (record_ && record_->generation == 0) record_->generation = wish_->generation;
}

void Life::on_start() {
  CHECK(wish_ && !live_);
  const bool goes_on = is_again() && record_->end;
  const int64_t restarts = goes_on ? record_->end->restarts + 1 : 0;
  record_ = Record{.generation = wish_->generation, .earlier_restarts = restarts};
  live_ = Status{.restarts = restarts};
  stop_asked_.reset();
  not_before_.reset();
  delay_.clear();
}

void Life::on_failure(Now now, const Error& error) {
  on_end(now, {.state = RunState::Failed, .ended = now.wall, .reason = error.what});
}

void Life::on_delay(Now now, std::string why) {
  delay_ = std::move(why);
  wait(now);
}

void Life::on_status(const Status& status) {
  live_ = status;
  if (record_) live_->restarts += record_->earlier_restarts;
  take_unknown_generation();
}

void Life::on_end(Now now, const Status& status) {
  live_.reset();
  stop_asked_.reset();
  if (!record_) record_.emplace();
  record_->end = status;
  record_->end->restarts += record_->earlier_restarts;
  take_unknown_generation();
  const bool has_started = status.started != base::WallTime{};
  if (has_started && status.ended - status.started >= kSteady) backoff_.reset();
  // Before anything is wanted there is nothing to hold back.
  if (wish_ && is_again() && is_due()) wait(now);
}

void Life::on_loss(Now now, Loss loss, Status last) {
  // Its parent only waited for an owner to see it.
  const bool had_ended = last.state == RunState::Stopping && last.pid == 0 && last.exit;
  last.state = RunState::Exited;
  if (had_ended) return on_end(now, last);
  last.pid = 0;
  last.ended = now.wall;
  last.exit.reset();
  if (loss == Loss::ParentKilled) last.exit = kKilled;
  last.reason = loss == Loss::ParentKilled ? "its parent, weft-shim, was killed" : "the machine was restarted";
  // The records of the last seconds before a power cut may be older than what ran.
  if (loss == Loss::PowerCycle && record_ && record_->end) record_.reset();
  on_end(now, last);
}

void Life::wait(Now now) {
  const base::Duration wait = backoff_.next();
  not_before_ = now.boot + wait;
  retry_at_ = now.wall + wait;
}

bool Life::is_again() const { return wish_ && record_ && record_->generation == wish_->generation; }

bool Life::is_due() const {
  if (live_ || !wish_ || wish_->wanted == Wanted::Stopped) return false;
  return !is_again() || !record_->end || says_again(wish_->restart, *record_->end);
}

bool Life::must_end() const { return !wish_ || wish_->wanted == Wanted::Stopped || !is_again(); }

bool Life::is_under_way() const {
  if (live_) return must_end();
  return !not_before_ && (!wish_ || is_due());
}

Act Life::next(base::BootTime now) {
  if (live_) {
    if (!must_end()) return Act::Nothing;
    if (stop_asked_ && now < *stop_asked_ + kStopPatience) return Act::Nothing;
    const Act act = stop_asked_ ? Act::Kill : Act::Stop;
    stop_asked_ = now;
    return act;
  }
  if (not_before_ && now < *not_before_) return Act::Nothing;
  if (!wish_) return Act::Remove;
  return is_due() ? Act::Start : Act::Nothing;
}

std::optional<base::BootTime> Life::wake_at() const {
  if (live_) return stop_asked_ ? std::optional(*stop_asked_ + kStopPatience) : std::nullopt;
  return !wish_ || is_due() ? not_before_ : std::nullopt;
}

Status Life::shown() const {
  if (live_) return *live_;
  const bool has_run = is_again() && record_->end;
  if (is_due() && !has_run) return {.reason = delay_};
  if (!record_ || !record_->end) return {};
  Status status = *record_->end;
  if (is_due()) {
    status.state = RunState::Backoff;
    if (not_before_) status.retry_at = retry_at_;
    if (!delay_.empty()) status.reason = delay_;
  }
  return status;
}

}  // namespace weft::runtime
