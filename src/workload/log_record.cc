#include "workload/log_record.h"

#include "base/text.h"
#include "workload/utf8.h"

namespace weft::workload {

using base::Code;

namespace {

constexpr size_t kMostRecordBytes = 6 * kMostLineBytes + 256;

std::string encode_time(base::WallTime time) {
  std::string text = base::format_time(time);
  text.pop_back();
  return text + fmt::format(".{:09}Z", time.ns % 1'000'000'000);
}

void append_json(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text.front();
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
}

// Reads the objects that encode() writes: string and true values, in any order.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  bool at_end() const { return rest_.empty(); }

  Result<std::string> string() {
    if (!take('"')) return error(Code::Usage, "a string is missing");
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) break;
      out += c == '\\' ? TRY(escape()) : std::string(1, c);
    }
    return error(Code::Usage, "a string has no end");
  }

 private:
  Result<std::string> escape() {
    if (take('"')) return std::string("\"");
    if (take('\\')) return std::string("\\");
    if (!take('u') || rest_.size() < 4) return error(Code::Usage, "an unknown escape");
    if (!rest_.starts_with("00") || !base::is_hex(rest_.substr(0, 4))) return error(Code::Usage, "an unknown escape");
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    const int value = digit(rest_[2]) * 16 + digit(rest_[3]);
    if (value > 0x7f) return error(Code::Usage, "an unknown escape");
    rest_.remove_prefix(4);
    return std::string(1, static_cast<char>(value));
  }

  std::string_view rest_;
};

Result<> read_field(LogRecord& record, Reader& reader, std::string_view key) {
  if (key == "p") {
    if (!reader.take("true")) return error(Code::Usage, "is not true");
    record.end = LineEnd::Later;
    return {};
  }
  auto value = TRY(reader.string());
  if (key == "t") {
    record.time = TRY(base::parse_time(value));
  } else if (key == "s") {
    if (value != "stdout" && value != "stderr") return error(Code::Usage, "is not a stream");
    record.stream = value == "stderr" ? Stream::Stderr : Stream::Stdout;
  } else if (key == "m") {
    record.text = std::move(value);
  } else {
    return error(Code::Usage, "is unknown");
  }
  return {};
}

}  // namespace

std::string_view name_of(Stream stream) { return stream == Stream::Stdout ? "stdout" : "stderr"; }

std::string encode(const LogRecord& record) {
  std::string out = fmt::format(R"({{"t":"{}","s":"{}","m":")", encode_time(record.time), name_of(record.stream));
  append_json(out, record.text);
  out += record.end == LineEnd::Later ? "\",\"p\":true}\n" : "\"}\n";
  return out;
}

Result<LogRecord> parse_log_record(std::string_view line) {
  if (line.size() > kMostRecordBytes) return error(Code::Limit, "a log record of {} bytes", line.size());
  Reader reader(line);
  LogRecord record;
  if (!reader.take('{')) return error(Code::Usage, "not a log record");
  do {
    const auto key = TRY(reader.string());
    if (!reader.take(':')) return error(Code::Usage, "not a log record");
    TRY_VOID(read_field(record, reader, key).in_field(base::printable(key)));
  } while (reader.take(','));
  if (!reader.take('}') || !reader.at_end()) return error(Code::Usage, "not a log record");
  return record;
}

}  // namespace weft::workload
