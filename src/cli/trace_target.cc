#include "cli/trace_target.h"

#include <algorithm>

#include "base/text.h"

namespace weft::cli {

using base::Code;

namespace {

Result<TraceTarget> with_port(std::string_view name, std::string_view port) {
  if (name.empty()) return error(Code::Usage, "TARGET: nothing stands before the port").in_field("target");
  const auto number = TRY(base::parse_number(port, 0, 65535).within("TARGET: port").in_field("port"));
  return TraceTarget{.name = std::string(name), .port = static_cast<uint16_t>(number)};
}

}  // namespace

Result<TraceTarget> parse_target(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos)
      return error(Code::Usage, "TARGET: {} lacks a ]", base::printable(text)).in_field("target");
    const std::string_view address = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return TraceTarget{.name = std::string(address), .port = std::nullopt};
    if (rest[0] != ':') return error(Code::Usage, "TARGET: {} is no port", base::printable(rest)).in_field("target");
    return with_port(address, rest.substr(1));
  }
  const auto colons = std::count(text.begin(), text.end(), ':');
  if (colons != 1) return TraceTarget{.name = std::string(text), .port = std::nullopt};
  const size_t colon = text.find(':');
  return with_port(text.substr(0, colon), text.substr(colon + 1));
}

}  // namespace weft::cli
