#include "workload/status.h"

#include <array>

#include "base/check.h"
#include "base/text.h"
#include "workload/lines.h"

namespace weft::workload {

using base::Code;

namespace {

constexpr std::array<std::string_view, 6> kStates = {"created", "running", "backoff", "stopping", "exited", "failed"};

Result<int64_t> number(std::string_view text) {
  return static_cast<int64_t>(TRY(base::parse_number(text, 0, INT64_MAX)));
}

Result<RunState> parse_state(std::string_view text) {
  for (size_t i = 0; i < kStates.size(); ++i) {
    if (text == kStates[i]) return static_cast<RunState>(i);
  }
  return error(Code::Usage, "{} is not a state", base::printable(text));
}

Exit& exit_of(Status& status) {
  if (!status.exit) status.exit.emplace();
  return *status.exit;
}

Result<> read(Status& status, std::string_view key, const std::string& value) {
  if (key == "state") status.state = TRY(parse_state(value));
  if (key == "shim") status.shim = TRY(number(value));
  if (key == "pid") status.pid = TRY(number(value));
  if (key == "started_ns") status.started.ns = TRY(number(value));
  if (key == "ended_ns") status.ended.ns = TRY(number(value));
  if (key == "retry_at_ns") status.retry_at.ns = TRY(number(value));
  if (key == "exit_code") exit_of(status).code = static_cast<int>(TRY(base::parse_number(value, 0, 255)));
  if (key == "exit_signal") exit_of(status).signal = static_cast<int>(TRY(base::parse_number(value, 0, 127)));
  if (key == "out_of_memory") status.out_of_memory = value == "yes" ? OutOfMemory::Yes : OutOfMemory::No;
  if (key == "again") status.again = value == "never" ? Again::Never : Again::ByPolicy;
  if (key == "restarts") status.restarts = TRY(number(value));
  if (key == "log_records_lost") status.log_records_lost = TRY(number(value));
  if (key == "reason") status.reason = value;
  return {};
}

}  // namespace

std::string_view name_of(RunState state) { return kStates[static_cast<size_t>(state)]; }

std::string_view phrase_of(RunState state) {
  switch (state) {
    case RunState::Created: return "isn't started yet";
    case RunState::Running: return "runs";
    case RunState::Backoff: return "waits to be started again";
    case RunState::Stopping: return "is stopping";
    case RunState::Exited: return "has ended";
    case RunState::Failed: return "could not be started";
  }
  CHECK(false);
}

std::string encode(const Status& status) {
  std::string text;
  append_line(text, "state", name_of(status.state));
  append_line(text, "shim", status.shim);
  append_line(text, "pid", status.pid);
  append_line(text, "started_ns", status.started.ns);
  append_line(text, "ended_ns", status.ended.ns);
  append_line(text, "retry_at_ns", status.retry_at.ns);
  if (status.exit) {
    append_line(text, "exit_code", status.exit->code);
    append_line(text, "exit_signal", status.exit->signal);
  }
  append_line(text, "out_of_memory", status.out_of_memory == OutOfMemory::Yes ? "yes" : "no");
  append_line(text, "again", status.again == Again::Never ? "never" : "by_policy");
  append_line(text, "restarts", status.restarts);
  append_line(text, "log_records_lost", status.log_records_lost);
  append_line(text, "reason", status.reason);
  return text;
}

Result<Status> parse_status(std::string_view text) {
  Status status;
  const auto lines = TRY(parse_lines(text));
  TRY_VOID(get_value(lines, "state"));
  for (const Line& line : lines) TRY_VOID(read(status, line.key, line.value).in_field(line.key));
  return status;
}

}  // namespace weft::workload
