// Life: when the parent of a workload is started, asked to end, and tidied up
// after. Pure: it is told what is wanted and what was seen, and says what to do.
//
// A start is DUE when the wanted generation wasn't started yet, or has ended and
// the restart policy says again. (While its parent lives, the parent does that
// by itself; here it matters when the parent couldn't start, was killed, or is
// gone with all others after a power cycle.)
//
//   not live, due          Start     live, stopped or removed     Stop
//   not live, removed      Remove    live, another generation     Stop, then Start
//
// What it shows is Exited or Failed only when no start is due.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "model/workload.h"
#include "reconcile/backoff.h"
#include "runtime/record.h"
#include "workload/status.h"

namespace weft::runtime {

struct Now {
  base::BootTime boot;
  base::WallTime wall;
};

// What the agreed row asks for.
struct Wish {
  uint64_t generation = 1;
  model::Wanted wanted = model::Wanted::Running;
  model::Restart restart = model::Restart::No;
  bool operator==(const Wish&) const = default;
};

enum class Act {
  Nothing,
  Start,   // answer with on_start, or on_delay; said until then
  Stop,    // ask the parent to end its workload; said once
  Kill,    // the parent didn't; its own end is that of the workload
  Remove,  // nothing runs and nobody wants it
};

// Ends of which nobody left word.
enum class Loss { ParentKilled, PowerCycle };

class Life {
 public:
  // After a run of this length a failure isn't one in a row.
  static constexpr base::Duration kSteady = std::chrono::seconds(10);
  // From Stop to Kill: more than the parent's grace.
  static constexpr base::Duration kStopPatience = std::chrono::seconds(30);

  explicit Life(std::optional<Record> record = {}) : record_(std::move(record)) {}

  // Nothing: the row is gone.
  void set_wish(const std::optional<Wish>& wish);

  // The parent is about to be started.
  void on_start();
  void on_failure(Now now, const Error& error);  // it could not be
  // What the start or the removal needs isn't there: later again.
  void on_delay(Now now, std::string why);
  // A living parent says so; the state isn't final.
  void on_status(const workload::Status& status);
  void on_end(Now now, const workload::Status& status);
  // `last` is what was heard before, if anything was.
  void on_loss(Now now, Loss loss, workload::Status last);

  Act next(base::BootTime now);
  // When to call next() again although nothing happened.
  std::optional<base::BootTime> wake_at() const;

  bool is_live() const { return live_.has_value(); }
  bool is_due() const;
  // What was asked for last isn't so yet: it still ends, or is about to be started.
  bool is_under_way() const;
  bool is_asked_to_stop() const { return stop_asked_.has_value(); }
  const std::optional<Wish>& wish() const { return wish_; }
  const std::optional<Record>& record() const { return record_; }
  workload::Status shown() const;

 private:
  bool must_end() const;
  bool is_again() const;  // the wanted generation was started before
  void take_unknown_generation();
  void wait(Now now);

  std::optional<Wish> wish_;
  std::optional<Record> record_;
  std::optional<workload::Status> live_;  // what the living parent said last
  std::optional<base::BootTime> stop_asked_;
  std::optional<base::BootTime> not_before_;
  base::WallTime retry_at_;  // the same, for people
  std::string delay_;        // why it isn't started yet
  reconcile::Backoff backoff_{{}};
};

}  // namespace weft::runtime
