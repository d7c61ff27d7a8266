#include "runtime/log_stream.h"

#include <boost/asio/post.hpp>

namespace weft::runtime {

using base::Code;

FollowedLog::FollowedLog(boost::asio::io_context& loop, std::shared_ptr<LogWatch> watch, LogSource source,
                         LogReader reader)
    : loop_(loop), watch_(std::move(watch)), source_(std::move(source)), reader_(std::move(reader)) {}

Result<std::vector<api::LogLine>> FollowedLog::take(size_t most) {
  std::vector<api::LogLine> lines;
  while (lines.size() < most && fill() && next_) {
    lines.push_back(std::move(*next_));
    next_.reset();
  }
  if (lines.empty() && failure_) return *failure_;
  return lines;
}

// Whether there is something to take, or nothing ever again.
bool FollowedLog::fill() {
  if (next_ || ended_) return true;
  auto fetched = fetch();
  if (!fetched.ok()) {
    failure_ = fetched.error();
    ended_ = true;
  }
  return next_ || ended_;
}

Result<> FollowedLog::fetch() {
  TRY_VOID(keep_watch());
  // In this order: what was written before the end is read before it counts.
  const bool was_over = source_.is_over();
  auto record = TRY(reader_.next());
  if (!record) {
    ended_ = was_over;
    return {};
  }
  next_ = api::LogLine{
      .time = record->time, .stream = std::string(name_of(record->stream)), .text = std::move(record->text)};
  return {};
}

// Before what is there is read: so nothing falls in between.
Result<> FollowedLog::keep_watch() {
  if (watching_ || !watch_) return {};
  auto watching = watch_->watch(source_.directory, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake();
  });
  // A log that isn't there yet comes with the workload's start, which wakes us, too.
  if (!watching.ok() && watching.error().code == Code::NotFound) return {};
  watching_ = TRY(std::move(watching));
  return {};
}

void FollowedLog::when_ready(std::function<void()> ready) {
  ready_ = std::move(ready);
  wake();
}

void FollowedLog::wake() {
  if (ready_ && fill()) boost::asio::post(loop_, std::exchange(ready_, {}));
}

}  // namespace weft::runtime
