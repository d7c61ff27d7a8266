// Poll: what to wait for, built anew for each turn of the loop from the state
// of its owner, so that nothing has to be registered and taken back.
#pragma once

#include <poll.h>

#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"

namespace weft::shim {

class Poll {
 public:
  // `then` runs if the descriptor becomes ready or fails.
  void readable(int fd, std::function<void()> then) { watch(fd, POLLIN, std::move(then)); }
  void writable(int fd, std::function<void()> then) { watch(fd, POLLOUT, std::move(then)); }

  // Runs only once the other side is gone.
  void gone(int fd, std::function<void()> then) { watch(fd, 0, std::move(then)); }

  // Waits until something is ready or the time has come, and runs what is due.
  void wait(std::optional<base::BootTime> until);

 private:
  void watch(int fd, short events, std::function<void()> then);

  std::vector<pollfd> descriptors_;
  std::vector<std::function<void()>> actions_;
};

}  // namespace weft::shim
