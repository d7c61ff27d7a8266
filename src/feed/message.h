// What the two planes tell each other (proto/weft/v1/feed.proto), as values.
//
//   frame  = length message
//   length = u32, little endian: bytes of the message
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/backend.h"
#include "base/result.h"
#include "feed/problems.h"
#include "model/ids.h"
#include "store/store.h"

namespace weft::feed {

inline constexpr uint32_t kVersion = 1;

// The state at `revision` follows in so many parts, then every entry behind it.
struct Welcome {
  std::string cluster;
  model::MachineId machine;
  uint64_t revision = 0;
  uint32_t parts = 0;  // none: the follower has that revision
  bool operator==(const Welcome&) const = default;
};
struct Part {
  std::string objects;  // schema::encode() of some of them
  bool operator==(const Part&) const = default;
};
struct Entry {
  uint64_t revision = 0;
  std::string command;                      // as the log has it
  std::vector<model::WorkloadId> attached;  // whose start waits for who asked for it
  bool operator==(const Entry&) const = default;
};
struct Pulse {
  std::string read_only;  // why no command is taken; empty: they are
  bool operator==(const Pulse&) const = default;
};
using ToData = std::variant<Welcome, Part, Entry, Pulse>;

struct Hello {
  std::string cluster;  // empty: it has nothing
  uint64_t revision = 0;
  bool operator==(const Hello&) const = default;
};
// All up to `revision` is carried out, but for what the problems say.
struct Enforced {
  uint64_t revision = 0;
  std::vector<api::Problem> problems;  // problems_to_tell()
  bool operator==(const Enforced&) const = default;
};
struct Run {
  model::WorkloadId workload;
  std::optional<api::RunState> state;  // absent: it isn't here
  bool operator==(const Run&) const = default;
};
// A workload that is kept until it exits has.
struct Ended {
  model::WorkloadId workload;
  bool operator==(const Ended&) const = default;
};
using ToControl = std::variant<Hello, Enforced, Run, Ended>;

std::string encode(const ToData& message);
std::string encode(const ToControl& message);
// A Hello or a Welcome of another version is Unavailable: one of the two is to be upgraded.
Result<ToData> parse_to_data(std::string_view bytes);
Result<ToControl> parse_to_control(std::string_view bytes);

inline constexpr size_t kPartBytes = 1 << 20;  // a part is full with them
// A command, or the object that makes a part more than full.
inline constexpr size_t kLargestToData = store::kMaxEntryBytes + kPartBytes + (64 << 10);
// An acknowledgement with the most and longest problems.
inline constexpr size_t kLargestToControl = 256 << 10;
inline constexpr uint32_t kMostParts = store::kMaxSnapshotBytes / kPartBytes;

std::string frame(std::string_view message);

// Takes bytes as they come and gives whole messages. Holds no more than one
// message and what was fed with its end.
class FrameReader {
 public:
  explicit FrameReader(size_t largest) : largest_(largest) {}
  void feed(std::string_view bytes);
  // Nothing: more bytes are needed. An error: the peer doesn't speak this; close.
  Result<std::optional<std::string>> next();

 private:
  const size_t largest_;
  std::string buffer_;
  size_t start_ = 0;  // of the first frame not yet given out
};

}  // namespace weft::feed
