#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/terminal.h"

namespace weft::cli {

bool is_terminal(int fd) { return isatty(fd) == 1; }

std::optional<workload::WindowSize> window_size(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return workload::WindowSize{.rows = size.ws_row, .columns = size.ws_col};
}

bool is_in_foreground(int terminal) {
  const pid_t group = tcgetpgrp(terminal);
  return group < 0 || group == getpgrp();
}

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  termios now{};
  if (tcgetattr(fd, &now) != 0) return;
  before_ = now;
  cfmakeraw(&now);
  tcsetattr(fd, TCSADRAIN, &now);
}

RawTerminal::~RawTerminal() {
  if (before_) tcsetattr(fd_, TCSADRAIN, &*before_);
}

}  // namespace weft::cli
