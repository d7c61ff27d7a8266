#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>

#include "os/clock.h"
#include "runtime/runtime.h"

namespace weft::runtime {

using base::Code;
using base::errno_error;
using model::WorkloadId;
using workload::FrameType;
using workload::ShimClient;
using workload::Status;

namespace {

// What a command takes, and its frame.
constexpr int kSendBufferBytes = 2 * static_cast<int>(workload::kMostFrameBytes);

// By the loop's next turn, if somebody still waits then.
void post(boost::asio::io_context& loop, const std::weak_ptr<Waiter>& waiter, const Status& status) {
  boost::asio::post(loop, [waiter, status] {
    if (const auto waiting = waiter.lock()) waiting->on_status(status);
  });
}

void add_waiter(std::vector<std::weak_ptr<Waiter>>& waiters, const std::shared_ptr<Waiter>& waiter) {
  std::erase_if(waiters, [](const auto& weak) { return weak.expired(); });
  waiters.push_back(waiter);
}

// The connection itself, on which nothing was read yet.
Result<os::Fd> hand_over(const ShimClient& client) {
  os::Fd fd(fcntl(client.fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return errno_error("hand a connection over", errno);
  return fd;
}

Result<os::Fd> request(ShimClient client, FrameType type, std::string_view payload) {
  const bool is_long = payload.size() > workload::kStreamChunkBytes;
  if (is_long) (void)setsockopt(client.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBufferBytes, sizeof kSendBufferBytes);
  client.send(type, payload);
  TRY_VOID(client.flush());
  if (client.wants_write()) return error(Code::Limit, "the command and its environment are too long");
  return hand_over(client);
}

}  // namespace

std::optional<Status> Runtime::status(const WorkloadId& id) const {
  const auto found = items_.find(id);
  return found == items_.end() ? std::nullopt : std::optional(found->second->shown);
}

Result<Item*> Runtime::find(const WorkloadId& id) {
  const auto found = items_.find(id);
  if (found == items_.end()) return error(Code::NotFound, "no workload {} runs on this machine", id.text);
  return found->second.get();
}

Result<std::shared_ptr<Waiter>> Runtime::wait(const WorkloadId& id, std::function<void(const Status&)> on_end) {
  auto waiter = std::make_shared<Waiter>(Waiter{std::move(on_end)});
  const auto found = items_.find(id);
  if (found != items_.end()) {
    Item& item = *found->second;
    add_waiter(item.end_waiters, waiter);
    if (is_over(item.shown)) resolve(item.end_waiters, item.shown);
    return waiter;
  }
  const auto end = endings_.find(os::now_boot(), id);
  if (!end) return error(Code::NotFound, "no workload {} runs on this machine", id.text);
  post(loop_, waiter, *end);
  return waiter;
}

std::shared_ptr<Waiter> Runtime::await_wanted(const WorkloadId& id, std::function<void()> on_so) {
  auto waiter = std::make_shared<Waiter>(Waiter{[on_so = std::move(on_so)](const Status&) { on_so(); }});
  const auto found = items_.find(id);
  if (found != items_.end() && found->second->life.is_under_way()) {
    add_waiter(found->second->wanted_waiters, waiter);
  } else {
    post(loop_, waiter, {});
  }
  return waiter;
}

void Runtime::resolve(std::vector<std::weak_ptr<Waiter>>& waiters, const Status& status) {
  for (const auto& waiter : std::exchange(waiters, {})) post(loop_, waiter, status);
}

void Runtime::start_attached(const WorkloadId& id) {
  const base::BootTime now = os::now_boot();
  std::erase_if(announced_, [&](const auto& entry) { return entry.second <= now; });
  if (announced_.size() < kMostAnnounced) announced_[id] = now + kFetchTime;
}

bool Runtime::take_announcement(const WorkloadId& id) {
  const auto found = announced_.find(id);
  if (found == announced_.end()) return false;
  const bool is_fresh = found->second > os::now_boot();
  announced_.erase(found);
  return is_fresh;
}

void Runtime::reserve(Item& item, ShimClient client) {
  item.reserved.emplace(std::move(client), boost::asio::steady_timer(loop_, kFetchTime));
  item.reserved->expiry.async_wait([weak = std::weak_ptr(items_.at(item.id))](boost::system::error_code fault) {
    const auto kept = weak.lock();
    if (kept && !fault) kept->reserved.reset();
  });
}

// Its turn may not have come yet: who asks for it doesn't wait for the others.
Result<os::Fd> Runtime::attach(const WorkloadId& id, const std::optional<workload::Progress>& had) {
  Item& item = *TRY(find(id));
  start_if_due(item);
  if (item.reserved) {
    auto fd = hand_over(item.reserved->client);
    item.reserved.reset();
    return fd;
  }
  return request(TRY(connect(item)), FrameType::Attach,
                 workload::encode_attach({.as = workload::AttachAs::Owner, .had = had}));
}

Result<os::Fd> Runtime::exec(const WorkloadId& id, const workload::Command& command) {
  TRY_VOID(validate(command));
  Item& item = *TRY(find(id));
  start_if_due(item);
  return request(TRY(connect(item)), FrameType::Exec, encode_command(command));
}

Result<ShimClient> Runtime::connect(Item& item) {
  auto client = ShimClient::connect(directory_of(item.id));
  if (client.ok() || client.error().code != Code::NotFound) return client;
  const Status& shown = item.shown;
  return error(Code::Unavailable, "the workload {}{}{}", phrase_of(shown.state), shown.reason.empty() ? "" : ": ",
               shown.reason);
}

Result<std::unique_ptr<api::Stream<api::LogLine>>> Runtime::logs(const api::LogQuery& query) {
  TRY(find(query.workload));
  const std::string directory = directory_of(query.workload) + "/log";
  const std::weak_ptr weak = items_.at(query.workload);
  LogSource source{.directory = directory, .is_over = [weak, follow = query.follow] {
                     const auto item = weak.lock();
                     return !follow || !item || is_over(item->shown);
                   }};
  auto reader = TRY(LogReader::open(directory, query.tail));
  auto log =
      std::make_shared<FollowedLog>(loop_, query.follow ? log_watch_ : nullptr, std::move(source), std::move(reader));
  std::erase_if(followed_, [](const auto& entry) { return entry.second.expired(); });
  if (query.follow) followed_.emplace(query.workload, log);
  return std::make_unique<LogStream>(std::move(log));
}

void Runtime::wake_followers(const WorkloadId& id) {
  const auto [first, last] = followed_.equal_range(id);
  for (auto it = first; it != last; ++it) {
    if (const auto log = it->second.lock()) log->wake();
  }
}

}  // namespace weft::runtime
