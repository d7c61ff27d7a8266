// stop, start, restart, rm: all workloads that are named, or none.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/actions.h"
#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/request.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Named {
  std::string word;  // as the user wrote it
  std::string id;
  Json request;
  std::optional<Json> answer = {};  // once it is agreed
};

// Each once, whatever it is called: by its id nobody takes it for another one.
Result<std::vector<Named>> find_all(const Scene& scene) {
  std::vector<Named> all;
  for (Json& request : requests_of(scene.given)) {
    const std::string word = text_of(value_at(request, "name"));
    const Json item = TRY(scene.door.call("Workloads/Get", {{"name", word}}));
    const std::string id = text_of(value_at(item, "id"));
    if (std::any_of(all.begin(), all.end(), [&](const Named& other) { return other.id == id; })) continue;
    request["name"] = id;
    all.push_back({.word = word, .id = id, .request = std::move(request)});
  }
  return all;
}

// The first failure is the outcome, the others are told as they come.
class Failures {
 public:
  explicit Failures(const Scene& scene) : scene_(scene) {}
  void add(Error error, const Named& named) {
    if (error.what.find(named.word) == std::string::npos) error = std::move(error).within(named.word);
    if (first_) return scene_.console.fail(error);
    first_ = std::move(error);
  }
  Result<int> outcome() const { return first_ ? Result<int>(*first_) : Result<int>(kDone); }

 private:
  const Scene& scene_;
  std::optional<Error> first_;
};

}  // namespace

Result<int> change_life(const Scene& scene) {
  auto all = TRY(find_all(scene));
  Failures failures(scene);
  for (Named& named : all) {
    auto answer = scene.door.call(scene.given.command->method, named.request);
    if (answer.ok()) {
      named.answer = *std::move(answer);
    } else {
      failures.add(answer.error(), named);
    }
  }
  // Asked one after the other, they end at the same time.
  for (const Named& named : all) {
    if (!named.answer) continue;
    if (!scene.given.has("dry-run")) {
      const auto so = scene.door.call("Workloads/AwaitWanted", {{"name", named.id}});
      if (!so.ok()) failures.add(so.error(), named);
    }
    show_answer(scene, *named.answer);
  }
  return failures.outcome();
}

}  // namespace weft::cli
