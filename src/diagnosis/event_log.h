// EventLog: what happened on this machine, for people: workloads that ended,
// drift that was repaired, problems that came and went.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/backend.h"
#include "diagnosis/lines.h"
#include "diagnosis/ring.h"

namespace weft::diagnosis {

inline constexpr size_t kMostEvents = 1'024;          // in memory; an event is some 300 bytes
inline constexpr size_t kMostEventTextBytes = 1'024;  // of one event's text; the rest is cut

class EventLog {
 public:
  explicit EventLog(size_t most = kMostEvents, std::unique_ptr<Lines> file = nullptr);

  // Takes over what an earlier weftd wrote (read_rotated_file). Lines that aren't
  // events are passed over.
  void restore(std::string_view lines);
  void add(api::Event event);
  std::unique_ptr<api::Stream<api::Event>> read(const api::EventQuery& query) const;

  // Why the file lacks events; empty: it doesn't, or there is none.
  const std::string& problem() const { return problem_; }

 private:
  std::shared_ptr<Ring<api::Event>> ring_;
  std::unique_ptr<Lines> file_;
  std::string problem_;
};

std::string json_line(const api::Event& event);
Result<api::Event> parse_event(std::string_view line);

}  // namespace weft::diagnosis
