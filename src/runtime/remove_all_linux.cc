#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/check.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "runtime/groups_linux.h"
#include "runtime/runtime.h"

namespace weft::runtime {

using base::Code;
using workload::FrameType;
using workload::ShimClient;

namespace {

constexpr base::Duration kLongestEnd = std::chrono::seconds(20);

struct Asked {
  ShimClient client;
  std::optional<os::Fd> process;
};

std::optional<os::Fd> find_process_of(const std::string& directory) {
  const auto status = workload::read_status(directory);
  if (!status.ok() || status->shim <= 0) return std::nullopt;
  const auto key = os::find_process(static_cast<pid_t>(status->shim));
  if (!key.ok() || !*key) return std::nullopt;
  return os::open_process(**key).value_or(std::nullopt);
}

// All at once, so that they end side by side.
Result<std::vector<Asked>> ask_all_to_end(const std::string& root) {
  std::vector<Asked> asked;
  for (const auto& name : TRY(os::list_directory(root))) {
    const std::string directory = fmt::format("{}/{}", root, name);
    auto client = ShimClient::connect(directory);
    if (!client.ok() && client.error().code == Code::NotFound) continue;
    if (!client.ok()) return client.error();
    client->send(FrameType::Stop, workload::encode_grace(base::Duration(0)));
    (void)client->flush();
    asked.push_back({.client = std::move(*client), .process = find_process_of(directory)});
  }
  return asked;
}

// A parent closes its connections when all of its workload is over, and then ends itself.
Result<> wait_for_end(Asked& asked, base::BootTime deadline) {
  while (true) {
    const auto frame = asked.client.wait(deadline - os::now_boot());
    if (frame.ok()) continue;
    if (frame.error().code != Code::Unavailable) return error(Code::TimedOut, "a weft-shim did not stop");
    break;
  }
  if (!asked.process) return {};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - os::now_boot());
  pollfd event{asked.process->get(), POLLIN, 0};
  const int ended = poll(&event, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
  return ended == 1 ? Result<>() : error(Code::TimedOut, "a weft-shim did not end");
}

// What a killed parent has left may take a moment to die.
Result<> remove_groups_by(base::BootTime deadline, const Options& options) {
  while (true) {
    const auto removed = remove_groups(options.cgroup_root, options.cgroup);
    const bool is_worth_waiting = !removed.ok() && removed.error().code == Code::Unavailable;
    if (!is_worth_waiting || os::now_boot() > deadline) return removed;
    usleep(1000);
  }
}

}  // namespace

Result<> Runtime::remove_all(const Options& options) {
  CHECK(!options.cgroup.empty());  // else the groups of all others were meant
  const std::string root = options.run_directory + "/w";
  auto asked = TRY(ask_all_to_end(root));
  const base::BootTime deadline = os::now_boot() + kLongestEnd;
  for (auto& parent : asked) TRY_VOID(wait_for_end(parent, deadline));
  TRY_VOID(os::remove_tree(options.run_directory, "w"));
  return remove_groups_by(deadline, options);
}

}  // namespace weft::runtime
