#include "gateway/traces.h"

#include <climits>

#include "base/text.h"

namespace weft::gateway {

using base::Code;

Result<Traces> Traces::parse(std::string_view text) {
  Traces traces;
  for (const auto line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    if (line.empty()) continue;
    if (words.size() == 2 && words[0] == "reserved") {
      traces.reserved = TRY(PortSet::parse(words[1]));
    } else if (words.size() == 2 && words[0] == "hooks") {
      traces.hooks.insert(static_cast<int>(TRY(base::parse_number(words[1], 1, INT_MAX))));
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
  return text;
}

}  // namespace weft::gateway
