#include "cli/program.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/actions.h"
#include "cli/console.h"
#include "cli/door.h"
#include "cli/endpoint.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/terminal.h"
#include "os/clock.h"

namespace weft::cli {

namespace {

constexpr std::string_view kUsualWait = "60s";     // of what changes something
constexpr std::string_view kUsualTimeout = "30s";  // of the others

// Before the line is understood: how to say that it isn't.
Format wished_format(const std::vector<std::string>& words, const Variables& variables) {
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const bool next = (words[i] == "-o" || words[i] == "--output") && i + 1 < words.size();
    if ((next && words[i + 1] == "json") || words[i] == "-ojson" || words[i] == "-o=json" ||
        words[i] == "--output=json") {
      return Format::Json;
    }
  }
  return variables("WEFT_OUTPUT") == "json" ? Format::Json : Format::Table;
}

bool only_asks(const Given& given) { return given.command->effect == Effect::Read; }

base::Duration longest_of(const Given& given) {
  const std::string_view flag = only_asks(given) ? "timeout" : "wait";
  std::string_view text = given.command->default_wait;
  if (text.empty()) text = only_asks(given) ? kUsualTimeout : kUsualWait;
  return *base::parse_duration(given.has(flag) ? given.flag(flag) : text);
}

std::string advice_if_late(const Given& given) {
  if (only_asks(given)) return " (systemctl status weftd tells how it is; --timeout waits longer)";
  return " (it may still happen; systemctl status weftd tells how it is, --wait=DURATION waits longer)";
}

View view_of(const Given& given) {
  return {.format = format_of(given.flag("output")), .screen = screen_of_stdout(), .now = os::now_wall()};
}

// Whose failures are told with its name in front; parse() has said it already.
Result<int> act(const Given& given, const Console& console, const Variables& variables) {
  const std::string socket = TRY(socket_of(given, variables));
  std::function<void(int)> waiting;
  if (is_terminal(STDERR_FILENO)) {
    waiting = [&](int seconds) { console.progress(fmt::format("waiting for weftd ({} s)", seconds)); };
  }
  const Door door(
      {.socket = socket, .longest = longest_of(given), .if_late = advice_if_late(given), .waiting = waiting});
  const Result<int> outcome = perform({.given = given, .door = door, .console = console, .variables = variables});
  console.end_progress();
  TRY_VOID(console.flush());
  return outcome;
}

int failed(const Console& console, const Error& error) {
  console.fail(error);
  return exit_status_of(error.code);
}

// Whose statuses are those of the program that it runs.
bool runs_a_program(const Command* command) {
  return command != nullptr && (command->answer == Answer::Run || command->answer == Answer::Exec);
}

int failed(const Console& console, const Command* command, const Error& error) {
  const int status = failed(console, error);
  return runs_a_program(command) && status == kUsage ? kOwnFailure : status;
}

int not_understood(const Console& console, const std::vector<std::string>& words, const Error& error) {
  const auto split = split_command(words);
  return failed(console, split.ok() ? split->command : nullptr, error);
}

int show_help(const Console& console, const HelpWanted& wanted) {
  console.print(help_named(wanted.name));
  const auto flushed = console.flush();
  return flushed.ok() ? kDone : failed(console, flushed.error());
}

}  // namespace

int run_program(const std::vector<std::string>& words, const Variables& variables) {
  const Console early({.format = wished_format(words, variables)}, Loudness::Usual);
  if (words.size() == 1 && words[0] == "--version") {
    early.print(fmt::format("weft {}\n", WEFT_VERSION));
    return kDone;
  }
  const auto parsed = parse(words, variables);
  if (!parsed.ok()) return not_understood(early, words, parsed.error());
  if (const auto* wanted = std::get_if<HelpWanted>(&*parsed)) return show_help(early, *wanted);
  const Given& given = std::get<Given>(*parsed);
  const Console console(view_of(given), given.has("quiet") ? Loudness::Quiet : Loudness::Usual);
  auto outcome = act(given, console, variables).within(given.command->name);
  return outcome.ok() ? *outcome : failed(console, given.command, outcome.error());
}

}  // namespace weft::cli
