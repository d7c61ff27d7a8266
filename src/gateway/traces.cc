#include "gateway/traces.h"

#include <climits>

#include "base/text.h"

namespace weft::gateway {

using base::Code;

namespace {

Result<uint64_t> parse_hex64(std::string_view text) {
  if (!base::is_hex(text) || text.size() != 16) return error(Code::Failed, "no fingerprint {}", base::printable(text));
  return std::stoull(std::string(text), nullptr, 16);
}

}  // namespace

Result<Traces> Traces::parse(std::string_view text) {
  Traces traces;
  for (const auto line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    if (line.empty()) continue;
    if (words.size() == 2 && words[0] == "reserved") {
      traces.reserved = TRY(PortSet::parse(words[1]));
    } else if (words.size() == 2 && words[0] == "hooks") {
      traces.hooks.insert(static_cast<int>(TRY(base::parse_number(words[1], 1, INT_MAX))));
    } else if (words.size() == 3 && words[0] == "guard") {
      traces.guard = Guard{TRY(parse_hex64(words[1])), TRY(parse_hex64(words[2]))};
    } else {
      return error(Code::Failed, "unknown line {}", base::printable(line));
    }
  }
  return traces;
}

std::string Traces::text() const {
  std::string text;
  if (!reserved.empty()) text += "reserved " + reserved.text() + "\n";
  for (const int link : hooks) text += fmt::format("hooks {}\n", link);
  if (guard) text += fmt::format("guard {} {}\n", base::hex64(guard->rules), base::hex64(guard->shown));
  return text;
}

}  // namespace weft::gateway
