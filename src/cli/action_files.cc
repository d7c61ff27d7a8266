// apply, plan, export: documents in files.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/actions.h"
#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/request.h"
#include "cli/visible.h"
#include "os/file.h"

namespace weft::cli {

using base::Code;

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostFileBytes = 4 << 20;  // what weftd takes of one request

Result<Json> read_document(const std::string& name) {
  const std::string path = name == "-" ? "/dev/stdin" : name;
  const std::string text = TRY(os::read_file(path, kMostFileBytes));
  if (!is_utf8(text)) return error(Code::Usage, "{} is not UTF-8", name);
  return Json{{"name", name}, {"text", text}};
}

// The files of --file, then those of the arguments.
Result<Json> read_documents(const Given& given) {
  Json files = Json::array();
  for (const auto* names : {&given.flags, &given.arguments}) {
    const auto found = names->find(names == &given.flags ? "file" : "FILE");
    if (found == names->end()) continue;
    for (const std::string& name : found->second) files.push_back(TRY(read_document(name)));
  }
  return files;
}

Result<Json> send_documents(const Scene& scene) {
  Json request = requests_of(scene.given).front();
  request["files"] = TRY(read_documents(scene.given));
  Json answer = TRY(scene.door.call(scene.given.command->method, request));
  scene.console.notes_of(answer);
  return answer;
}

void show(const Console& console, const Json& answer) {
  if (is_for_programs(console.format())) return console.print(structured(answer, console.format()));
  console.print(show_changes(value_at(answer, "changes"), console.view().screen.colour));
}

bool has_changes(const Json& answer) {
  const Json& changes = value_at(answer, "changes");
  return changes.is_array() && !changes.empty();
}

}  // namespace

Result<int> apply(const Scene& scene) {
  const Json answer = TRY(send_documents(scene));
  show(scene.console, answer);
  if (!has_changes(answer)) scene.console.note("nothing had to be changed");
  return kDone;
}

Result<int> plan(const Scene& scene) {
  const Json answer = TRY(send_documents(scene));
  show(scene.console, answer);
  return has_changes(answer) ? kChanges : kDone;
}

Result<int> export_all(const Scene& scene) {
  Json request = requests_of(scene.given).front();
  request["format"] = scene.console.format() == Format::Json ? "json" : "yaml";
  const Json answer = TRY(scene.door.call(scene.given.command->method, request));
  const Json& text = value_at(answer, "text");
  if (text.is_string()) scene.console.print(text.get_ref<const std::string&>());
  return kDone;
}

}  // namespace weft::cli
