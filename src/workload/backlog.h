// Backlog: the newest of what was sent to a peer, for one whose connection broke on the
// way: it says how far it got, and the rest is sent again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

#include "workload/shim_protocol.h"

namespace weft::workload {

// More than is on its way as a rule: in both ends, in the sockets between them (200 KiB
// each, unless the machine was told otherwise) and in weftd, which passes it on. What
// a frame takes besides its bytes counts too.
inline constexpr size_t kMostBacklogBytes = 1 << 20;
inline constexpr size_t kBacklogFrameBytes = 64;

class Backlog {
 public:
  explicit Backlog(uint64_t begin = 0) : end_(begin) {}

  // Bytes of a stream: Stdin, Stdout or Stderr.
  void append(FrameType stream, std::string_view bytes);

  // Positions count the bytes of all streams together, from the first one ever
  // (or as many before it as it was told).
  uint64_t begin() const { return end_ - held_; }
  uint64_t end() const { return end_; }

  // What is held from this position on, oldest first, in frames.
  std::deque<Frame> since(uint64_t position) const;

 private:
  std::deque<Frame> frames_;
  size_t held_ = 0;  // bytes in them
  uint64_t end_;
};

}  // namespace weft::workload
