// trace, status, doctor, explain: one answer, told readably.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/actions.h"
#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/request.h"
#include "cli/trace_target.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string text_at(const Json& item, std::string_view path) { return visible(text_of(value_at(item, path))); }

bool is_true(const Json& item, std::string_view path) {
  const Json& value = value_at(item, path);
  return value.is_boolean() && value.get<bool>();
}

// What users call the verdicts.
std::string verdict_name(const Json& verdict) { return verdict == "allow" ? "ALLOW" : "DENY"; }

std::string rule_suffix(const Json& item) {
  const std::string rule = text_at(item, "rule");
  return rule == kNothing ? "" : ", rule " + rule;
}

void name_verdicts(Json& answer) {
  answer["verdict"] = verdict_name(value_at(answer, "verdict"));
  if (answer.contains("live")) answer["live"] = verdict_name(answer["live"]);
  Json& steps = answer["steps"];
  if (!steps.is_array()) steps = Json::array();
  for (Json& step : steps) {
    if (step.is_object()) step["verdict"] = verdict_name(value_at(step, "verdict"));
  }
}

void tell_trace(const Console& console, const Json& answer) {
  const Colour colour = console.view().screen.colour;
  Table steps;
  for (const Json& step : answer["steps"]) {
    steps.rows.push_back({text_at(step, "verdict"), text_at(step, "step"), text_at(step, "what") + rule_suffix(step)});
  }
  console.print(to_text(steps, console.view().screen));
  const std::string verdict = text_at(answer, "verdict");
  console.print(fmt::format("{}: {}{}\n", paint(verdict, colour), text_at(answer, "reason"), rule_suffix(answer)));
  const std::string note = text_at(answer, "live_note");
  if (answer.contains("live")) {
    console.print(
        fmt::format("live: {}: {}\n", paint(text_at(answer, "live"), colour), text_at(answer, "live_reason")));
  }
  if (note != kNothing) console.note(note);
}

void tell_problems(const Console& console, const Json& problems) {
  if (!problems.is_array() || problems.empty()) return;
  Table table{.titles = {"PROBLEM", "OBJECT", "SINCE"}, .rows = {}};
  for (const Json& problem : problems) {
    const std::string object = reference_of(problem);
    table.rows.push_back({text_at(problem, "what"), object.empty() ? std::string(kNothing) : object,
                          age_of(text_of(value_at(problem, "since")), console.view().now)});
  }
  console.print("\n" + to_text(table, console.view().screen));
}

void tell_status(const Console& console, const Json& answer) {
  Json counts = answer;
  counts.erase("problems");
  counts.erase("ok");
  const std::string state = is_true(answer, "ok") ? "ok: everything is as wanted" : "bad: not everything is as wanted";
  console.print(paint(state, console.view().screen.colour) + "\n" + show_object(counts, {}, console.view()));
  tell_problems(console, value_at(answer, "problems"));
}

void tell_doctor(const Console& console, const Json& answer) {
  Table table;
  for (const Json& check : value_at(answer, "checks")) {
    const std::string advice = text_at(check, "advice");
    table.rows.push_back({text_at(check, "health"), text_at(check, "check"),
                          text_at(check, "what") + (advice == kNothing ? "" : ": " + advice)});
  }
  console.print(to_text(table, {.width = 0, .colour = console.view().screen.colour}));
}

void tell_explanation(const Console& console, const Json& answer) {
  console.print(fmt::format("{} {} ({})\n", text_at(answer, "kind"), text_at(answer, "name"), text_at(answer, "id")));
  Table links;
  for (const Json& link : value_at(answer, "links")) {
    links.rows.push_back(
        {"  " + text_at(link, "relation"), text_at(link, "kind"), text_at(link, "name"), text_at(link, "id")});
  }
  console.print(to_text(links, console.view().screen));
  for (const Json& line : value_at(answer, "holds")) console.print("  here: " + visible(text_of(line)) + "\n");
  tell_problems(console, value_at(answer, "problems"));
}

Result<Json> ask(const Scene& scene) {
  return scene.door.call(scene.given.command->method, requests_of(scene.given).front());
}

// For programs as it is, for people as `tell` says.
void show(const Console& console, const Json& answer, void (*tell)(const Console&, const Json&)) {
  if (is_for_programs(console.format())) return console.print(structured(answer, console.format()));
  tell(console, answer);
}

}  // namespace

Result<int> trace(const Scene& scene) {
  Json request = requests_of(scene.given).front();
  const TraceTarget target = TRY(parse_target(scene.given.argument("TARGET[:PORT]")));
  request["target"] = target.name;
  if (target.port) request["port"] = *target.port;
  Json answer = TRY(scene.door.call(scene.given.command->method, request));
  name_verdicts(answer);
  show(scene.console, answer, tell_trace);
  return answer["verdict"] == "ALLOW" ? kDone : kDenied;
}

Result<int> status(const Scene& scene) {
  const Json answer = TRY(ask(scene));
  show(scene.console, answer, tell_status);
  return is_true(answer, "ok") ? kDone : kNotAsWanted;
}

Result<int> doctor(const Scene& scene) {
  const Json answer = TRY(ask(scene));
  show(scene.console, answer, tell_doctor);
  return is_true(answer, "ok") ? kDone : kNotAsWanted;
}

Result<int> explain(const Scene& scene) {
  const Json answer = TRY(ask(scene));
  show(scene.console, answer, tell_explanation);
  return kDone;
}

}  // namespace weft::cli
