// LogWatch: tells those who follow logs that a log has grown. One inotify(7)
// instance for all of them, since a machine has only 128 by default.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace weft::runtime {

class LogWatch : public std::enable_shared_from_this<LogWatch> {
 public:
  using Wake = std::function<void()>;

  static Result<std::shared_ptr<LogWatch>> open(boost::asio::io_context& loop);

  // Calls back from the loop whenever a file in the directory was written,
  // made or renamed, until the answer is dropped. NotFound: no such directory.
  class Watching;
  Result<std::unique_ptr<Watching>> watch(const std::string& directory, Wake wake);

 private:
  explicit LogWatch(boost::asio::io_context& loop) : inotify_(loop) {}
  void read_later();
  void read();
  void wake(int directory);
  void drop(int directory, uint64_t number);

  boost::asio::posix::stream_descriptor inotify_;
  std::map<int, std::map<uint64_t, Wake>> wakes_;  // by watch descriptor
  uint64_t next_ = 1;
};

class LogWatch::Watching {
 public:
  Watching(std::weak_ptr<LogWatch> watch, int directory, uint64_t number)
      : watch_(std::move(watch)), directory_(directory), number_(number) {}
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching();

 private:
  std::weak_ptr<LogWatch> watch_;
  int directory_;
  uint64_t number_;
};

}  // namespace weft::runtime
