// Command: a program to run inside a workload, as its main process or by exec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "workload/lines.h"

namespace weft::workload {

struct WindowSize {
  uint16_t rows = 24;
  uint16_t columns = 80;
  bool operator==(const WindowSize&) const = default;
};

// Null: reads end at once. Pipe: what the owner of the command sends.
enum class Stdin { Null, Pipe };

struct Command {
  std::vector<std::string> argv;            // argv[0] is looked up in PATH of env
  std::vector<std::string> env = {};        // "KEY=VALUE"; PATH and HOME are added where missing
  std::string user = {};                    // "name", "uid" or "uid:gid"; empty: root
  std::string workdir = {};                 // empty: /
  std::optional<WindowSize> terminal = {};  // a terminal of its own, which is stdin, stdout and stderr
  Stdin input = Stdin::Null;                // without a terminal
  bool operator==(const Command&) const = default;
};

Result<> validate(const Command& command);

// The keys arg, env, user, workdir, terminal, stdin.
void append_lines(std::string& text, const Command& command);
// Takes the line if it is one of a command's; says whether it was.
Result<bool> read_line(Command& command, const Line& line);

std::string encode_size(WindowSize size);  // "24 80": rows, columns
Result<WindowSize> parse_size(std::string_view text);

}  // namespace weft::workload
