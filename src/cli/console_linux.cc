#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/cell.h"
#include "cli/console.h"
#include "cli/failure.h"
#include "cli/terminal.h"
#include "cli/visible.h"

namespace weft::cli {

namespace {

constexpr size_t kMostAnswer = 16;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

void Console::print(std::string_view text) const {
  end_progress();
  fwrite(text.data(), 1, text.size(), stdout);
}

void Console::note(std::string_view text) const {
  end_progress();
  // A terminal that a command made raw doesn't return the cursor by itself.
  if (!is_quiet()) fmt::print(stderr, "weft: {}{}", visible(text), is_terminal(STDERR_FILENO) ? "\r\n" : "\n");
}

void Console::fail(const Error& error) const {
  end_progress();
  const std::string text = format() == Format::Json ? failure_json(error) : failure_text(error);
  fwrite(text.data(), 1, text.size(), stderr);
}

void Console::notes_of(const nlohmann::ordered_json& answer) const {
  for (const auto& text : value_at(answer, "notes")) {
    if (text.is_string()) note(text.get<std::string>());
  }
}

Result<> Console::flush() const {
  if (fflush(stdout) != 0 || ferror(stdout) != 0) return base::errno_error("write to stdout", errno);
  return {};
}

bool Console::confirm(const std::string& question) const {
  if (!is_terminal(STDIN_FILENO) || !is_terminal(STDERR_FILENO)) return true;
  fmt::print(stderr, "{} [y/N] ", visible(question));
  char answer[kMostAnswer] = {};
  if (fgets(answer, sizeof answer, stdin) == nullptr) return false;
  return answer[0] == 'y' || answer[0] == 'Y';
}

void Console::progress(const std::string& text) const {
  if (is_quiet() || !is_terminal(STDERR_FILENO)) return;
  fmt::print(stderr, "\r\x1b[Kweft: {}", visible(text));
  fflush(stderr);
  progress_ = Progress::Shown;
}

void Console::end_progress() const {
  if (progress_ == Progress::Hidden) return;
  fmt::print(stderr, "\r\x1b[K");
  progress_ = Progress::Hidden;
}

Screen screen_of_stdout() {
  if (!is_terminal(STDOUT_FILENO)) return {};
  const auto size = window_size(STDOUT_FILENO);
  const char* term = std::getenv("TERM");
  const bool is_plain = is_set("NO_COLOR") || term == nullptr || std::string_view(term) == "dumb";
  return {.width = size ? size_t{size->columns} : size_t{0}, .colour = is_plain ? Colour::Off : Colour::On};
}

}  // namespace weft::cli
