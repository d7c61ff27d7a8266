// How far the data plane is, whether it is there at all, and which writes wait
// until it has carried them out.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "base/result.h"
#include "base/time.h"

namespace weft::feed {

class Enforcement {
 public:
  struct Now {
    base::BootTime boot;
    base::WallTime wall;
  };
  using Done = std::function<void(Result<uint64_t>)>;

  explicit Enforcement(Now now) : away_since_(now.wall) {}

  // It is there, and has carried out everything up to the revision.
  void heard(Now now, uint64_t revision);
  void lost(Now now);
  // To be called now and then: who has been silent for too long is away.
  void tick(Now now);

  // Answers when the revision is enforced; Unavailable when that isn't to be
  // expected now. Answers come in order.
  void await(uint64_t revision, Done done);

  // Absent: it is there.
  std::optional<base::WallTime> away_since() const { return away_since_; }

  // A data plane answers every pulse. To carry out one change takes less.
  static constexpr base::Duration kMostSilence = std::chrono::seconds(5);

 private:
  struct Waiting {
    uint64_t revision;
    Done done;
  };
  void go_away(base::WallTime since);
  Error not_enforced(uint64_t revision) const;

  uint64_t enforced_ = 0;
  base::BootTime heard_;
  base::WallTime heard_wall_;
  std::optional<base::WallTime> away_since_;
  std::deque<Waiting> waiting_;
};

}  // namespace weft::feed
