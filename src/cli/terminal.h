// The user's terminal.
#pragma once

#include <termios.h>

#include <optional>

#include "workload/command.h"

namespace weft::cli {

bool is_terminal(int fd);
// The window's size, if it is a terminal that knows it.
std::optional<workload::WindowSize> window_size(int fd);
// Whether this process may read from its terminal now (it isn't in the background).
bool is_in_foreground(int terminal);

// Passes each key on as it is, and shows nothing by itself, until it is
// destroyed: then the terminal is again as it was.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  int fd_;
  std::optional<termios> before_;
};

}  // namespace weft::cli
