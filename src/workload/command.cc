#include "workload/command.h"

#include "base/text.h"

namespace weft::workload {

using base::Code;

namespace {

// MAX_ARG_STRLEN of the kernel (execve(2)), with its NUL.
constexpr size_t kMostArgumentBytes = 128 * 1024 - 1;

bool holds_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Result<> validate_argument(std::string_view text) {
  if (holds_nul(text)) return error(Code::Usage, "{} holds a NUL byte", base::printable(text));
  if (text.size() > kMostArgumentBytes) return error(Code::Limit, "longer than {} bytes", kMostArgumentBytes);
  return {};
}

Result<> validate_variable(std::string_view text) {
  TRY_VOID(validate_argument(text));
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return error(Code::Usage, "{} is not NAME=VALUE", base::printable(text));
  }
  return {};
}

}  // namespace

Result<> validate(const Command& command) {
  if (command.argv.empty() || command.argv.front().empty()) {
    return error(Code::Usage, "no command is given").in_field("command");
  }
  for (const auto& argument : command.argv) TRY_VOID(validate_argument(argument).in_field("command"));
  for (const auto& variable : command.env) TRY_VOID(validate_variable(variable).in_field("env"));
  if (holds_nul(command.user) || command.user.size() > 64) {
    return error(Code::Usage, "{} is not a user", base::printable(command.user)).in_field("user");
  }
  const bool absolute = command.workdir.empty() || command.workdir.front() == '/';
  if (!absolute || holds_nul(command.workdir) || command.workdir.size() > 4095) {
    return error(Code::Usage, "{} is not an absolute path", base::printable(command.workdir)).in_field("workdir");
  }
  return {};
}

void append_lines(std::string& text, const Command& command) {
  for (const auto& argument : command.argv) append_line(text, "arg", argument);
  for (const auto& variable : command.env) append_line(text, "env", variable);
  if (!command.user.empty()) append_line(text, "user", command.user);
  if (!command.workdir.empty()) append_line(text, "workdir", command.workdir);
  if (command.terminal) append_line(text, "terminal", encode_size(*command.terminal));
  if (command.input == Stdin::Pipe) append_line(text, "stdin", "pipe");
}

Result<bool> read_line(Command& command, const Line& line) {
  if (line.key == "arg") {
    command.argv.push_back(line.value);
  } else if (line.key == "env") {
    command.env.push_back(line.value);
  } else if (line.key == "user") {
    command.user = line.value;
  } else if (line.key == "workdir") {
    command.workdir = line.value;
  } else if (line.key == "terminal") {
    command.terminal = TRY(parse_size(line.value).in_field("terminal"));
  } else if (line.key == "stdin") {
    if (line.value != "pipe" && line.value != "null")
      return error(Code::Usage, "neither pipe nor null").in_field("stdin");
    command.input = line.value == "pipe" ? Stdin::Pipe : Stdin::Null;
  } else {
    return false;
  }
  return true;
}

std::string encode_size(WindowSize size) { return fmt::format("{} {}", size.rows, size.columns); }

Result<WindowSize> parse_size(std::string_view text) {
  const auto parts = base::split(text, ' ');
  if (parts.size() != 2) return error(Code::Usage, "{} is not ROWS COLUMNS", base::printable(text));
  const auto rows = TRY(base::parse_number(parts[0], 0, UINT16_MAX));
  const auto columns = TRY(base::parse_number(parts[1], 0, UINT16_MAX));
  return WindowSize{static_cast<uint16_t>(rows), static_cast<uint16_t>(columns)};
}

}  // namespace weft::workload
