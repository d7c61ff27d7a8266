#include "workload/shim_protocol.h"

#include <array>

#include "base/text.h"

namespace weft::workload {

using base::Code;
using std::chrono::milliseconds;

namespace {

constexpr size_t kHeaderBytes = 5;
constexpr uint64_t kMostGraceMillis = 24ull * 3'600'000;

bool is_type(uint8_t number) { return (number >= 1 && number <= 10) || (number >= 64 && number <= 71); }

uint32_t read_length(std::string_view bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < 4; ++i) length |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return length;
}

Result<Code> parse_code(std::string_view text) {
  for (const Code code : {Code::Failed, Code::Usage, Code::NotFound, Code::Conflict, Code::Denied, Code::Unavailable,
                          Code::Limit, Code::TimedOut}) {
    if (base::name_of(code) == text) return code;
  }
  return error(Code::Usage, "{} is not a code", base::printable(text));
}

Result<uint64_t> number(const std::vector<Line>& lines, std::string_view key, uint64_t low, uint64_t high) {
  const auto text = TRY(get_value(lines, key));
  return base::parse_number(text, low, high).in_field(key);
}

void append_lines(std::string& text, const Progress& progress) {
  append_line(text, "life", std::to_string(progress.life));
  append_line(text, "output", std::to_string(progress.output));
  append_line(text, "input", std::to_string(progress.input));
  append_line(text, "signals", std::to_string(progress.signals));
}

// All of it, or nothing.
Result<std::optional<Progress>> find_progress(const std::vector<Line>& lines) {
  if (!TRY(find_value(lines, "life"))) return std::optional<Progress>();
  return std::optional(Progress{.life = TRY(number(lines, "life", 0, UINT64_MAX)),
                                .output = TRY(number(lines, "output", 0, UINT64_MAX)),
                                .input = TRY(number(lines, "input", 0, UINT64_MAX)),
                                .signals = TRY(number(lines, "signals", 0, UINT64_MAX))});
}

Result<> read_refusal(Error& refusal, std::string_view payload) {
  const auto lines = TRY(parse_lines(payload));
  const auto code = TRY(get_value(lines, "code"));
  refusal.code = TRY(parse_code(code));
  refusal.what = TRY(get_value(lines, "what"));
  refusal.field = TRY(find_value(lines, "field")).value_or("");
  refusal.holder = TRY(find_value(lines, "holder")).value_or("");
  return {};
}

}  // namespace

void append_frame(std::string& out, FrameType type, std::string_view payload) {
  const auto length = static_cast<uint32_t>(payload.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((length >> shift) & 0xff);
  out += static_cast<char>(type);
  out += payload;
}

void FrameReader::feed(std::string_view bytes) {
  buffer_.erase(0, start_);
  start_ = 0;
  buffer_ += bytes;
}

Result<std::optional<Frame>> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (rest.size() < kHeaderBytes) return std::optional<Frame>();
  const size_t length = read_length(rest);
  const auto type = static_cast<uint8_t>(rest[4]);
  if (length > kMostFrameBytes) return error(Code::Limit, "a frame of {} bytes", length);
  if (!is_type(type)) return error(Code::Usage, "a frame of unknown type {}", type);
  if (rest.size() < kHeaderBytes + length) return std::optional<Frame>();
  start_ += kHeaderBytes + length;
  return std::optional<Frame>(Frame{static_cast<FrameType>(type), std::string(rest.substr(kHeaderBytes, length))});
}

std::string encode_attach(const Attach& attach) {
  std::string text;
  append_line(text, "as", attach.as == AttachAs::Owner ? "owner" : "viewer");
  if (attach.had) append_lines(text, *attach.had);
  return text;
}

Result<Attach> parse_attach(std::string_view payload) {
  const auto lines = TRY(parse_lines(payload));
  const auto as = TRY(get_value(lines, "as"));
  if (as != "owner" && as != "viewer") return error(Code::Usage, "neither owner nor viewer").in_field("as");
  return Attach{.as = as == "owner" ? AttachAs::Owner : AttachAs::Viewer, .had = TRY(find_progress(lines))};
}

std::string encode_progress(const Progress& progress) {
  std::string text;
  append_lines(text, progress);
  return text;
}

Result<std::optional<Progress>> parse_progress(std::string_view payload) {
  return find_progress(TRY(parse_lines(payload)));
}

std::string encode_up_to(uint64_t input) {
  std::string text;
  append_line(text, "input", std::to_string(input));
  return text;
}

Result<uint64_t> parse_up_to(std::string_view payload) {
  return number(TRY(parse_lines(payload)), "input", 0, UINT64_MAX);
}

std::string encode_grace(std::optional<base::Duration> grace) {
  std::string text;
  if (grace) append_line(text, "grace_ms", std::chrono::duration_cast<milliseconds>(*grace).count());
  return text;
}

Result<std::optional<base::Duration>> parse_grace(std::string_view payload) {
  const auto lines = TRY(parse_lines(payload));
  const auto text = TRY(find_value(lines, "grace_ms"));
  if (!text) return std::optional<base::Duration>();
  const auto grace = TRY(base::parse_number(*text, 0, kMostGraceMillis).in_field("grace_ms"));
  return std::optional<base::Duration>(milliseconds(grace));
}

std::string encode_signal(int signal) {
  std::string text;
  append_line(text, "signal", signal);
  return text;
}

Result<int> parse_signal(std::string_view payload) {
  const auto lines = TRY(parse_lines(payload));
  return static_cast<int>(TRY(number(lines, "signal", 1, 64)));
}

std::string encode_resize(WindowSize size) {
  std::string text;
  append_line(text, "terminal", encode_size(size));
  return text;
}

Result<WindowSize> parse_resize(std::string_view payload) {
  const auto lines = TRY(parse_lines(payload));
  const auto text = TRY(get_value(lines, "terminal"));
  return parse_size(text).in_field("terminal");
}

std::string encode_command(const Command& command) {
  std::string text;
  append_lines(text, command);
  return text;
}

Result<Command> parse_command(std::string_view payload) {
  Command command;
  const auto lines = TRY(parse_lines(payload));
  for (const Line& line : lines) {
    const bool known = TRY(read_line(command, line));
    if (!known) return error(Code::Usage, "{} is not known to this version", line.key).in_field(line.key);
  }
  TRY_VOID(validate(command));
  return command;
}

std::string encode_refusal(const Error& error) {
  std::string text;
  append_line(text, "code", base::name_of(error.code));
  append_line(text, "what", error.what);
  if (!error.field.empty()) append_line(text, "field", error.field);
  if (!error.holder.empty()) append_line(text, "holder", error.holder);
  return text;
}

Error parse_refusal(std::string_view payload) {
  Error refusal;
  const auto read = read_refusal(refusal, payload);
  return read.ok() ? refusal : read.error();
}

std::string encode_exit(const Exit& exit) {
  std::string text;
  append_line(text, "code", exit.code);
  append_line(text, "signal", exit.signal);
  return text;
}

Result<Exit> parse_exit(std::string_view payload) {
  const auto lines = TRY(parse_lines(payload));
  Exit exit;
  exit.code = static_cast<int>(TRY(number(lines, "code", 0, 255)));
  exit.signal = static_cast<int>(TRY(number(lines, "signal", 0, 127)));
  return exit;
}

}  // namespace weft::workload
