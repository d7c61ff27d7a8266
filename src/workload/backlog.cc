#include "workload/backlog.h"

#include <algorithm>

namespace weft::workload {

void Backlog::append(FrameType stream, std::string_view bytes) {
  end_ += bytes.size();
  held_ += bytes.size();
  while (!bytes.empty()) {
    const bool has_room =
        !frames_.empty() && frames_.back().type == stream && frames_.back().payload.size() < kStreamChunkBytes;
    if (!has_room) frames_.push_back({stream, {}});
    std::string& last = frames_.back().payload;
    const auto some = bytes.substr(0, kStreamChunkBytes - last.size());
    last += some;
    bytes.remove_prefix(some.size());
  }
  while (held_ + frames_.size() * kBacklogFrameBytes > kMostBacklogBytes) {
    held_ -= frames_.front().payload.size();
    frames_.pop_front();
  }
}

std::deque<Frame> Backlog::since(uint64_t position) const {
  std::deque<Frame> rest;
  uint64_t at = begin();
  for (const Frame& frame : frames_) {
    const uint64_t seen = position > at ? std::min<uint64_t>(position - at, frame.payload.size()) : 0;
    if (seen < frame.payload.size()) rest.push_back({frame.type, frame.payload.substr(seen)});
    at += frame.payload.size();
  }
  return rest;
}

}  // namespace weft::workload
