// A Stream<T> hands out what goes on happening: flow records, events, log lines.
// Its reader pulls, so a slow one delays nobody but itself; the source bounds
// what it keeps for it. Destroying the stream ends it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"

namespace weft::api {

template <class T>
class Stream {
 public:
  virtual ~Stream() = default;
  // What is there now, at most `most`; empty when there is nothing now.
  virtual Result<std::vector<T>> take(size_t most) = 0;
  // After the last item was taken there will never be another.
  virtual bool ended() const = 0;
  // Calls back once, on the loop, when there is something to take or the stream
  // has ended. A later call replaces an earlier one. The callback may destroy the
  // stream.
  virtual void when_ready(std::function<void()> ready) = 0;
};

}  // namespace weft::api
