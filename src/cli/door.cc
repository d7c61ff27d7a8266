#include "cli/door.h"

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "api/client.h"

namespace weft::cli {

using base::Code;

namespace {

using Json = Door::Json;

constexpr int kDeepestAnswer = 64;  // what prints it may recurse

bool is_shallow(const Json& value, int depth) {
  if (depth == 0) return !value.is_structured();
  for (const Json& inner : value) {
    if (inner.is_structured() && !is_shallow(inner, depth - 1)) return false;
  }
  return true;
}

Result<Json> checked(Json answer) {
  if (!answer.is_object()) return error(Code::Failed, "weftd's answer is broken: no object");
  if (!is_shallow(answer, kDeepestAnswer)) return error(Code::Failed, "weftd's answer is broken: too deep");
  return answer;
}

template <class T>
Result<T> with_advice(Result<T> outcome, const DoorOptions& options) {
  if (outcome.ok() || outcome.error().code != Code::TimedOut || outcome.error().what != api::kNoAnswer) return outcome;
  Error late = std::move(outcome).error();
  late.what += options.if_late;
  return late;
}

Result<api::Client> connect(const DoorOptions& options) {
  auto client = with_advice(api::Client::connect(options.socket, options.longest), options);
  if (client.ok()) return client;
  Error refused = std::move(client).error();
  if (refused.code == Code::Unavailable) refused.what += " (is it running? systemctl start weftd)";
  if (refused.code == Code::Denied) refused.what += " (only root and group weft may)";
  return refused;
}

// Counts the seconds of a call aloud, while it lives.
class Waiting {
 public:
  explicit Waiting(const std::function<void(int)>& tell) {
    if (tell) thread_ = std::jthread([&tell](const std::stop_token& stop) { count(tell, stop); });
  }

 private:
  static void count(const std::function<void(int)>& tell, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    for (int seconds = 1;; ++seconds) {
      ended.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
      if (stop.stop_requested()) return;
      tell(seconds);
    }
  }

  std::jthread thread_;
};

}  // namespace

Result<Json> Door::call(std::string_view method, const Json& request) const {
  auto client = TRY(connect(options_));
  const Waiting waiting(options_.waiting);
  auto answer = TRY(with_advice(client.call(method, request, options_.longest), options_));
  return checked(std::move(answer));
}

Result<> Door::stream(std::string_view method, const Json& request,
                      const std::function<Result<>(const Json&)>& take) const {
  auto client = TRY(connect(options_));
  Result<> taken;
  const auto each = [&](const Json& item) {
    auto whole = checked(item);
    taken = whole.ok() ? take(*whole) : Result<>(std::move(whole).error());
    return taken.ok() ? api::Client::Next::Item : api::Client::Next::Stop;
  };
  TRY_VOID(with_advice(client.stream(method, request, each, options_.longest), options_));
  return taken;
}

Result<os::Fd> Door::upgrade(std::string_view method, const Json& request) const {
  auto client = TRY(connect(options_));
  return with_advice(std::move(client).upgrade(method, request, options_.longest), options_);
}

}  // namespace weft::cli
