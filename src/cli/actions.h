// What each command does once its line is understood. The value is the exit
// status, the error what weft says of it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "cli/console.h"
#include "cli/door.h"
#include "cli/parse.h"

namespace weft::cli {

// All that an action has.
struct Scene {
  const Given& given;
  const Door& door;
  const Console& console;
  const Variables& variables;
};

Result<int> perform(const Scene& scene);
// What was answered, as the command's row of the table says.
void show_answer(const Scene& scene, const nlohmann::ordered_json& answer);

// The families, each in a file of its own.
Result<int> change_life(const Scene& scene);
Result<int> run(const Scene& scene);
Result<int> exec(const Scene& scene);
Result<int> logs(const Scene& scene);
Result<int> trace(const Scene& scene);
Result<int> flows(const Scene& scene);
Result<int> events(const Scene& scene);
Result<int> status(const Scene& scene);
Result<int> doctor(const Scene& scene);
Result<int> explain(const Scene& scene);
Result<int> apply(const Scene& scene);
Result<int> plan(const Scene& scene);
Result<int> export_all(const Scene& scene);
Result<int> version(const Scene& scene);
Result<int> completion(const Scene& scene);
Result<int> complete(const Scene& scene);
Result<int> man(const Scene& scene);
Result<int> show_help(const Scene& scene);

}  // namespace weft::cli
