// The control plane's side of one connection: brings a follower to the agreed
// state, then hands it every entry in the order of the log. Only what is durable
// is handed out, so a follower never has to take anything back.
#pragma once

#include <optional>
#include <vector>

#include "feed/message.h"
#include "model/state.h"

namespace weft::feed {

// What is agreed and durable.
class Log {
 public:
  virtual ~Log() = default;
  virtual const std::string& cluster() const = 0;
  virtual const model::MachineId& machine() const = 0;
  virtual uint64_t revision() const = 0;
  virtual std::vector<model::Object> objects() const = 0;
  // All entries behind the revision; absent: more than `most`, or not kept.
  virtual std::optional<std::vector<store::Entry>> entries_behind(uint64_t revision, size_t most) const = 0;
};

class Source {
 public:
  explicit Source(const Log& log) : log_(log) {}

  // What to send because of the message. An error: the follower doesn't keep to the
  // protocol, hang up.
  Result<std::vector<ToData>> take(const ToControl& message);
  // The next entry of the log; absent: the follower isn't there yet, and will get
  // it with what comes before it.
  std::optional<ToData> next(Entry entry);

  bool greeted() const { return phase_ == Phase::Following; }
  uint64_t enforced() const { return enforced_; }

  // More of them, and a snapshot is sent instead.
  static constexpr size_t kMostEntries = 1000;

 private:
  Result<std::vector<ToData>> greet(const Hello& hello);
  std::vector<ToData> welcome(const Hello& hello) const;

  const Log& log_;
  enum class Phase { Greeting, Following } phase_ = Phase::Greeting;
  uint64_t sent_ = 0;
  uint64_t enforced_ = 0;
};

}  // namespace weft::feed
