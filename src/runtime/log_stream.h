// LogStream: the lines of a workload's log, as the API hands them out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/backend.h"
#include "runtime/log_reader_linux.h"
#include "runtime/log_watch_linux.h"

namespace weft::runtime {

// Where a log is, and when it is at its end.
struct LogSource {
  std::string directory;
  std::function<bool()> is_over;  // nothing will be written any more
};

// What a stream and those who wake it share.
class FollowedLog : public std::enable_shared_from_this<FollowedLog> {
 public:
  FollowedLog(boost::asio::io_context& loop, std::shared_ptr<LogWatch> watch, LogSource source, LogReader reader);

  Result<std::vector<api::LogLine>> take(size_t most);
  bool ended() const { return ended_; }
  void when_ready(std::function<void()> ready);
  // Something may have been written, or be over.
  void wake();

 private:
  bool fill();
  Result<> fetch();
  Result<> keep_watch();

  boost::asio::io_context& loop_;
  std::shared_ptr<LogWatch> watch_;
  LogSource source_;
  LogReader reader_;
  std::unique_ptr<LogWatch::Watching> watching_;
  std::optional<api::LogLine> next_;
  std::optional<Error> failure_;
  bool ended_ = false;
  std::function<void()> ready_;
};

class LogStream final : public api::Stream<api::LogLine> {
 public:
  explicit LogStream(std::shared_ptr<FollowedLog> log) : log_(std::move(log)) {}
  Result<std::vector<api::LogLine>> take(size_t most) override { return log_->take(most); }
  bool ended() const override { return log_->ended(); }
  void when_ready(std::function<void()> ready) override { log_->when_ready(std::move(ready)); }

 private:
  std::shared_ptr<FollowedLog> log_;
};

}  // namespace weft::runtime
