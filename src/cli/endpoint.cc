#include "cli/endpoint.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "os/file.h"

namespace weft::cli {

using base::Code;

namespace {

Result<std::string> contexts_path(const Variables& variables) {
  if (const auto folder = variables("XDG_CONFIG_HOME"); folder && !folder->empty())
    return *folder + "/weft/contexts.json";
  const auto home = variables("HOME");
  if (!home || home->empty()) return error(Code::Usage, "--context: HOME isn't set, so there is no contexts.json");
  return *home + "/.config/weft/contexts.json";
}

}  // namespace

Result<std::string> find_context(std::string_view text, const std::string& name) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return error(Code::Usage, "no JSON object");
  const auto found = json.find(name);
  if (found == json.end()) return error(Code::NotFound, "{} is no context", base::printable(name));
  if (!found->is_string()) return error(Code::Usage, "{} is no path of a socket", base::printable(name));
  return found->get<std::string>();
}

Result<std::string> socket_of(const Given& given, const Variables& variables) {
  if (given.has("socket")) return given.flag("socket");
  if (!given.has("context")) return std::string(kUsualSocket);
  const std::string path = TRY(contexts_path(variables));
  const std::string text = TRY(os::read_file(path, kMostContextsBytes).within("--context"));
  return find_context(text, given.flag("context")).within("--context: " + path);
}

}  // namespace weft::cli
