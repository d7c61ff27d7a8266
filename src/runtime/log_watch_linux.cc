#include "runtime/log_watch_linux.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace weft::runtime {

using base::Code;
using base::errno_error;
using boost::asio::posix::stream_descriptor;

namespace {

constexpr uint32_t kEvents = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW;
constexpr int kAll = -1;  // of an event that says that others were lost

}  // namespace

Result<std::shared_ptr<LogWatch>> LogWatch::open(boost::asio::io_context& loop) {
  const int number = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (number < 0) return errno_error("inotify", errno);
  std::shared_ptr<LogWatch> watch(new LogWatch(loop));
  boost::system::error_code fault;
  watch->inotify_.assign(number, fault);
  if (fault) {
    close(number);
    return errno_error("watch inotify", fault.value());
  }
  watch->read_later();
  return watch;
}

Result<std::unique_ptr<LogWatch::Watching>> LogWatch::watch(const std::string& directory, Wake wake) {
  const int number = inotify_add_watch(inotify_.native_handle(), directory.c_str(), kEvents);
  if (number < 0 && errno == ENOENT) return error(Code::NotFound, "no directory {}", directory);
  if (number < 0) return errno_error("watch " + directory, errno);
  wakes_[number].emplace(next_, std::move(wake));
  return std::make_unique<Watching>(weak_from_this(), number, next_++);
}

LogWatch::Watching::~Watching() {
  if (const auto watch = watch_.lock()) watch->drop(directory_, number_);
}

void LogWatch::drop(int directory, uint64_t number) {
  const auto found = wakes_.find(directory);
  if (found == wakes_.end()) return;
  found->second.erase(number);
  if (!found->second.empty()) return;
  // Gone already, if the directory is.
  (void)inotify_rm_watch(inotify_.native_handle(), directory);
  wakes_.erase(found);
}

void LogWatch::read_later() {
  inotify_.async_wait(stream_descriptor::wait_read, [weak = weak_from_this()](boost::system::error_code fault) {
    const auto self = weak.lock();
    if (!self || fault) return;
    self->read();
    self->read_later();
  });
}

void LogWatch::read() {
  alignas(inotify_event) std::array<char, 16384> bytes;
  const ssize_t got = ::read(inotify_.native_handle(), bytes.data(), bytes.size());
  inotify_event event{};
  for (size_t at = 0; got > 0 && at + sizeof event <= static_cast<size_t>(got); at += sizeof event + event.len) {
    std::memcpy(&event, bytes.data() + at, sizeof event);
    wake(event.wd);
  }
}

// Who is woken may drop what it watches, or others.
void LogWatch::wake(int directory) {
  std::vector<Wake> due;
  for (const auto& [number, wakes] : wakes_) {
    if (number != directory && directory != kAll) continue;
    for (const auto& [id, wake] : wakes) due.push_back(wake);
  }
  for (const auto& wake : due) wake();
}

}  // namespace weft::runtime
