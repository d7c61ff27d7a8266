#include "cli/actions.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/reference.h"
#include "cli/request.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

// What a dry run would have done, where the answer of the real thing is a word or nothing.
void show_dry_run(const Console& console, const Json& answer) {
  if (is_for_programs(console.format())) return console.print(structured(answer, console.format()));
  console.print(show_changes(value_at(answer, "changes"), console.view().screen.colour));
}

void show_id(const Console& console, const Json& answer) {
  if (is_for_programs(console.format())) return console.print(structured(answer, console.format()));
  const bool name = console.format() == Format::Name && value_at(answer, "name").is_string();
  console.print(visible(text_of(value_at(answer, name ? "name" : "id"))) + "\n");
}

void show_nothing(const Console& console, const Json& answer) {
  if (is_for_programs(console.format())) console.print(structured(answer, console.format()));
}

void show_items(const Console& console, const Command& command, const Json& answer) {
  const Json& found = value_at(answer, "items");
  const Json items = found.is_array() ? found : Json::array();
  if (!console.is_quiet() || is_for_programs(console.format())) {
    return console.print(show_list(items, command.columns, console.view()));
  }
  for (const Json& item : items) console.print(visible(text_of(value_at(item, "id"))) + "\n");
}

void show_text(const Console& console, const Json& answer) {
  if (is_for_programs(console.format())) return console.print(structured(answer, console.format()));
  const Json& path = value_at(answer, "path");
  if (path.is_string()) console.note("systemd looks for it at " + path.get<std::string>());
  const Json& text = value_at(answer, "text");
  if (text.is_string()) console.print(text.get_ref<const std::string&>());
}

}  // namespace

void show_answer(const Scene& scene, const Json& answer) {
  const Command& command = *scene.given.command;
  scene.console.notes_of(answer);
  if (scene.given.has("dry-run")) return show_dry_run(scene.console, answer);
  switch (command.answer) {
    case Answer::Id: return show_id(scene.console, answer);
    case Answer::List: return show_items(scene.console, command, answer);
    case Answer::Object: return scene.console.print(show_object(answer, command.sections, scene.console.view()));
    case Answer::Text: return show_text(scene.console, answer);
    default: return show_nothing(scene.console, answer);
  }
}

namespace {

bool is_confirmed(const Scene& scene) {
  if (scene.given.command->effect != Effect::Remove || scene.given.has("yes") || scene.given.has("dry-run"))
    return true;
  const Argument& named = scene.given.command->arguments.front();
  return scene.console.confirm(
      fmt::format("Remove {} {}?", scene.given.command->noun(), scene.given.argument(named.name)));
}

Result<int> call(const Scene& scene) {
  if (!is_confirmed(scene)) return error(base::Code::Failed, "nothing was removed");
  const Json answer = TRY(scene.door.call(scene.given.command->method, requests_of(scene.given).front()));
  show_answer(scene, answer);
  return kDone;
}

}  // namespace

Result<int> perform(const Scene& scene) {
  switch (scene.given.command->answer) {
    case Answer::Nothing:
    case Answer::Id:
    case Answer::List:
    case Answer::Object:
    case Answer::Text: return call(scene);
    case Answer::Life: return change_life(scene);
    case Answer::Run: return run(scene);
    case Answer::Exec: return exec(scene);
    case Answer::Logs: return logs(scene);
    case Answer::Trace: return trace(scene);
    case Answer::Flows: return flows(scene);
    case Answer::Events: return events(scene);
    case Answer::Status: return status(scene);
    case Answer::Doctor: return doctor(scene);
    case Answer::Explain: return explain(scene);
    case Answer::Apply: return apply(scene);
    case Answer::Plan: return plan(scene);
    case Answer::Export: return export_all(scene);
    case Answer::Version: return version(scene);
    case Answer::Completion: return completion(scene);
    case Answer::Complete: return complete(scene);
    case Answer::Man: return man(scene);
    case Answer::Help: return show_help(scene);
    case Answer::Reference: scene.console.print(reference()); return kDone;
  }
  return kDone;
}

}  // namespace weft::cli
