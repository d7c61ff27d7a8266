// logs, flows, events: lines that come one by one.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/actions.h"
#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/json_text.h"
#include "cli/request.h"
#include "cli/terminal.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string text_at(const Json& item, std::string_view path) { return visible(text_of(value_at(item, path))); }

// Items for a program, printed as they come. What ends is an array; what goes on is
// a line of JSON or a YAML document for each.
class Items {
 public:
  explicit Items(const Scene& scene) : console_(scene.console), goes_on_(scene.given.has("follow")) {}

  void add(const Json& item) {
    const bool yaml = console_.format() == Format::Yaml;
    const std::string line = yaml ? "" : to_json_text(item, Layout::Line);
    if (goes_on_) {
      console_.print(yaml ? "---\n" + structured(item, Format::Yaml) : line + "\n");
    } else {
      console_.print(yaml ? structured(Json::array({item}), Format::Yaml) : (some_ ? ",\n  " : "[\n  ") + line);
    }
    some_ = true;
  }
  // Closes the array, of which `all` or not all could be had.
  void end(const Result<>& all) {
    if (goes_on_) return;
    if (!some_ && all.ok()) console_.print("[]\n");
    if (some_ && console_.format() == Format::Json) console_.print("\n]\n");
  }

 private:
  const Console& console_;
  bool goes_on_;
  bool some_ = false;
};

Result<int> stream_for_programs(const Scene& scene) {
  Items items(scene);
  const auto all =
      scene.door.stream(scene.given.command->method, requests_of(scene.given).front(), [&](const Json& item) {
        items.add(item);
        return scene.console.flush();
      });
  items.end(all);
  TRY_VOID(all);
  return kDone;
}

std::string end_of(const Json& flow, const char* address, const char* port) {
  const std::string host = text_at(flow, address);
  const Json& number = value_at(flow, port);
  if (!number.is_number_integer() || number == 0) return host;
  const bool is_ip6 = host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(is_ip6 ? "[{}]:{}" : "{}:{}"), host, number.get<int64_t>());
}

std::string flow_line(const Json& flow, const Console& console) {
  const std::string verdict = fmt::format("{:<5}", text_at(flow, "verdict"));
  const std::string rule = text_at(flow, "rule");
  const std::string tni = text_at(flow, "tni_name");
  return fmt::format("{} {} {:<6} {} -> {} {} {} {}{}\n", text_at(flow, "time"),
                     paint(verdict, console.view().screen.colour), text_at(flow, "protocol"),
                     end_of(flow, "source", "source_port"), end_of(flow, "target", "target_port"),
                     text_at(flow, "direction"), tni == kNothing ? text_at(flow, "tni") : tni, text_at(flow, "reason"),
                     rule == kNothing ? "" : " " + rule);
}

std::string event_line(const Json& event, const Console&) {
  const std::string object = reference_of(event);
  return fmt::format("{} {:<20} {} {}\n", text_at(event, "time"), text_at(event, "kind"),
                     object.empty() ? std::string(kNothing) : visible(object), text_at(event, "what"));
}

using LineOf = std::string (*)(const Json&, const Console&);

Result<int> stream(const Scene& scene, LineOf line_of) {
  const Console& console = scene.console;
  if (is_for_programs(console.format())) return stream_for_programs(scene);
  TRY_VOID(scene.door.stream(scene.given.command->method, requests_of(scene.given).front(), [&](const Json& item) {
    console.print(line_of(item, console));
    return console.flush();
  }));
  return kDone;
}

// As the workload wrote it, which may mean its colours.
std::string log_text(const Json& line) {
  const Json& text = value_at(line, "text");
  return text.is_string() ? text.get<std::string>() : std::string();
}

}  // namespace

Result<int> flows(const Scene& scene) { return stream(scene, flow_line); }
Result<int> events(const Scene& scene) { return stream(scene, event_line); }

Result<int> logs(const Scene& scene) {
  if (is_for_programs(scene.console.format())) return stream_for_programs(scene);
  const bool with_times = scene.given.has("timestamps");
  TRY_VOID(scene.door.stream(scene.given.command->method, requests_of(scene.given).front(), [&](const Json& line) {
    const std::string text = (with_times ? text_at(line, "time") + " " : "") + log_text(line) + "\n";
    FILE* to = value_at(line, "stream") == "stderr" ? stderr : stdout;
    fwrite(text.data(), 1, text.size(), to);
    return scene.console.flush();
  }));
  return kDone;
}

}  // namespace weft::cli
