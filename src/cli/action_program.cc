// version, completion, help and the pages that are made from the table.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/actions.h"
#include "cli/cell.h"
#include "cli/completion.h"
#include "cli/endpoint.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/manual.h"
#include "cli/visible.h"
#include "os/file.h"

namespace weft::cli {

using base::Code;

namespace {

using Json = nlohmann::ordered_json;

constexpr mode_t kPageMode = 0644;

struct Listing {
  Offer offer;
  std::string_view method;
};
constexpr Listing kListings[] = {{Offer::Vpc, "Vpcs/List"},          {Offer::Subnet, "Subnets/List"},
                                 {Offer::Table, "RouteTables/List"}, {Offer::Acl, "Acls/List"},
                                 {Offer::Group, "Groups/List"},      {Offer::PrefixList, "PrefixLists/List"},
                                 {Offer::Tni, "Tnis/List"},          {Offer::Workload, "Workloads/List"}};

std::vector<std::string> names_of(const Door& door, Offer offer) {
  std::vector<std::string> names;
  for (const Listing& listing : kListings) {
    if (listing.offer != offer) continue;
    Json request = Json::object();
    if (offer == Offer::Workload) request["all"] = true;
    const auto answer = door.call(listing.method, request);
    if (!answer.ok()) continue;
    for (const Json& item : value_at(*answer, "items")) names.push_back(reference_of(item));
  }
  return names;
}

// The door that the words before the cursor speak of, if they do.
Result<Door> door_of(const std::vector<std::string>& words, const Scene& scene) {
  Given given = scene.given;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    for (const std::string_view name : {"socket", "context"}) {
      if (words[i] == "--" + std::string(name)) given.flags = {{name, {words[i + 1]}}};
    }
  }
  const std::string socket = TRY(socket_of(given, scene.variables));
  return scene.door.to(socket);
}

std::vector<std::string> words_of(const Given& given, std::string_view argument) {
  const auto found = given.arguments.find(argument);
  return found == given.arguments.end() ? std::vector<std::string>() : found->second;
}

}  // namespace

// weft's own version needs no weftd.
Result<int> version(const Scene& scene) {
  const auto answer = scene.door.call(scene.given.command->method, Json::object());
  if (is_for_programs(scene.console.format())) {
    const Json both = {{"weft", WEFT_VERSION}, {"weftd", answer.ok() ? *answer : Json()}};
    scene.console.print(structured(both, scene.console.format()));
    return kDone;
  }
  scene.console.print(fmt::format("weft {}\n", WEFT_VERSION));
  if (answer.ok()) {
    scene.console.print(fmt::format("weftd {}\n", visible(text_of(value_at(*answer, "version")))));
  } else {
    scene.console.note(answer.error().what);
  }
  return kDone;
}

Result<int> completion(const Scene& scene) {
  scene.console.print(completion_script(scene.given.argument("SHELL")));
  return kDone;
}

Result<int> complete(const Scene& scene) {
  const auto words = words_of(scene.given, "WORD");
  const auto door = door_of(words, scene);
  const auto names = [&](Offer offer) { return door.ok() ? names_of(*door, offer) : std::vector<std::string>(); };
  scene.console.print(to_lines(complete(words, names)));
  return kDone;
}

Result<int> man(const Scene& scene) {
  for (const Page& page : manual()) {
    const std::string path = scene.given.argument("FOLDER") + "/" + page.file;
    TRY_VOID(os::write_file_atomic(path, page.text, kPageMode, os::Durability::Cached));
  }
  return kDone;
}

Result<int> show_help(const Scene& scene) {
  std::string name;
  for (const std::string& word : words_of(scene.given, "COMMAND")) name += (name.empty() ? "" : " ") + word;
  const std::string text = help_named(name);
  if (text.empty()) return error(Code::Usage, "{}: no such command", visible(name));
  scene.console.print(text);
  return kDone;
}

}  // namespace weft::cli
