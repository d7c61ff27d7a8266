#include <algorithm>
#include <chrono>

#include "os/clock.h"
#include "shim/poll.h"

namespace weft::shim {

void Poll::watch(int fd, short events, std::function<void()> then) {
  descriptors_.push_back({fd, events, 0});
  actions_.push_back(std::move(then));
}

void Poll::wait(std::optional<base::BootTime> until) {
  using std::chrono::milliseconds;
  int timeout = -1;
  if (until) {
    const auto left = std::chrono::ceil<milliseconds>(*until - os::now_boot()).count();
    timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
  }
  if (poll(descriptors_.data(), descriptors_.size(), timeout) <= 0) return;
  for (size_t i = 0; i < descriptors_.size(); ++i) {
    if (descriptors_[i].revents != 0) actions_[i]();
  }
}

}  // namespace weft::shim
