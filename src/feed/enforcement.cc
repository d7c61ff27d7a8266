#include "feed/enforcement.h"

#include <utility>

#include "base/text.h"

namespace weft::feed {

using base::Code;

void Enforcement::heard(Now now, uint64_t revision) {
  heard_ = now.boot;
  heard_wall_ = now.wall;
  away_since_.reset();
  enforced_ = revision;
  while (!waiting_.empty() && waiting_.front().revision <= enforced_) {
    const Waiting ready = std::move(waiting_.front());
    waiting_.pop_front();
    ready.done(ready.revision);
  }
}

void Enforcement::lost(Now now) {
  if (!away_since_) go_away(now.wall);
}

void Enforcement::tick(Now now) {
  if (!away_since_ && now.boot - heard_ > kMostSilence) go_away(heard_wall_);
}

void Enforcement::go_away(base::WallTime since) {
  away_since_ = since;
  for (const Waiting& waiting : std::exchange(waiting_, {})) waiting.done(not_enforced(waiting.revision));
}

void Enforcement::await(uint64_t revision, Done done) {
  if (away_since_) return done(not_enforced(revision));
  if (revision <= enforced_ && waiting_.empty()) return done(revision);
  waiting_.push_back({revision, std::move(done)});
}

Error Enforcement::not_enforced(uint64_t revision) const {
  return error(
      Code::Unavailable,
      "agreed as revision {}, but not enforced yet: the data plane is away since {}; it enforces it when it is "
      "back",
      revision, base::format_time(*away_since_));
}

}  // namespace weft::feed
