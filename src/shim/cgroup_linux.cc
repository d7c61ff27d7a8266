#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include "base/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "shim/cgroup.h"

namespace weft::shim {

using base::Code;
using base::errno_error;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr size_t kMostFileBytes = size_t{1} << 20;
constexpr base::Duration kLongestWait = seconds(1);  // for the kernel to let go of a group
constexpr uint64_t kPeriodMicros = 100'000;          // of the cpu controllers, as everybody uses it

bool is_mounted(const std::string& path, long magic) {
  struct statfs state {};
  return statfs(path.c_str(), &state) == 0 && state.f_type == magic;
}

std::optional<std::string> unified_root(const std::string& root) {
  for (const auto& path : {root, root + "/unified"}) {
    if (is_mounted(path, CGROUP2_SUPER_MAGIC)) return path;
  }
  return std::nullopt;
}

// Control files take a whole value in one write.
Result<> put(const std::string& path, std::string_view value) {
  const os::Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return errno_error("open " + path, errno);
  if (write(file.get(), value.data(), value.size()) < 0)
    return errno_error(fmt::format("write {} to {}", value, path), errno);
  return {};
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool lists(std::string_view words, std::string_view word) {
  const auto all = base::split(base::trim(words), ' ');
  return std::find(all.begin(), all.end(), word) != all.end();
}

// Version 2: the children of `group` get the controller's files.
Result<> enable(const std::string& group, std::string_view controller) {
  const std::string control = group + "/cgroup.subtree_control";
  const auto enabled = TRY(os::read_file(control, kMostFileBytes));
  if (lists(enabled, controller)) return {};
  const auto offered = TRY(os::read_file(group + "/cgroup.controllers", kMostFileBytes));
  if (!lists(offered, controller)) return error(Code::Failed, "{} doesn't offer the {} controller", group, controller);
  return put(control, fmt::format("+{}", controller));
}

Result<> enable_down_to(const std::string& root, std::string_view parent, std::string_view controller) {
  std::string group = root;
  TRY_VOID(enable(group, controller));
  for (const auto part : base::split(parent, '/')) {
    if (part.empty()) continue;
    group += fmt::format("/{}", part);
    TRY_VOID(enable(group, controller));
  }
  return {};
}

std::vector<pid_t> processes_in(const std::string& group) {
  std::vector<pid_t> pids;
  const std::string text = os::read_file(group + "/cgroup.procs", kMostFileBytes).value_or("");
  for (const auto line : base::split(text, '\n')) {
    const auto pid = base::parse_number(line, 1, INT32_MAX);
    if (pid.ok()) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

// Version 2 kills all at once; version 1 is asked again until a group is empty.
void kill_processes(const std::string& group) {
  if (put(group + "/cgroup.kill", "1").ok()) return;
  for (const pid_t pid : processes_in(group)) kill(pid, SIGKILL);
}

// "oom_kill 3" among the lines of a file.
uint64_t count_in(const std::string& path, std::string_view key) {
  const std::string text = os::read_file(path, kMostFileBytes).value_or("");
  for (const auto line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() == 2 && words[0] == key) return base::parse_number(words[1], 0, UINT64_MAX).value_or(0);
  }
  return 0;
}

template <class Done>
bool wait_until(Done done) {
  const base::BootTime deadline = os::now_boot() + kLongestWait;
  while (!done()) {
    if (os::now_boot() > deadline) return false;
    usleep(1000);
  }
  return true;
}

}  // namespace

Result<Cgroup> Cgroup::create(const workload::Spec& spec) {
  Cgroup group;
  const auto made = group.set_limits(spec);
  if (made.ok()) return group;
  (void)group.remove();
  return made.error();
}

Result<> Cgroup::set_limits(const workload::Spec& spec) {
  if (const auto root = unified_root(spec.cgroup_root)) {
    auto made = make_group(*root, spec.cgroup, spec.id);
    // Without a limit the group only counts the processes; a machine that grants none is no reason not to run.
    if (made.ok()) {
      unified_ = *made;
      birthplace_ = os::Fd(open(unified_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
  }
  if (spec.limits.memory_bytes) {
    const auto group = TRY(group_for(spec, "memory").within("limit memory"));
    const bool version2 = group == unified_;
    const std::string value = std::to_string(*spec.limits.memory_bytes);
    TRY_VOID(put(group + (version2 ? "/memory.max" : "/memory.limit_in_bytes"), value).within("limit memory"));
    // Where swap is accounted for, the limit is one on both.
    const std::string swap = group + (version2 ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes");
    if (exists(swap)) TRY_VOID(put(swap, version2 ? "0" : value).within("limit memory"));
    memory_events_ = group + (version2 ? "/memory.events" : "/memory.oom_control");
  }
  if (spec.limits.cpu_millis) {
    const auto group = TRY(group_for(spec, "cpu").within("limit cpus"));
    const uint64_t quota = *spec.limits.cpu_millis * kPeriodMicros / 1000;
    if (group == unified_) {
      TRY_VOID(put(group + "/cpu.max", fmt::format("{} {}", quota, kPeriodMicros)).within("limit cpus"));
    } else {
      TRY_VOID(put(group + "/cpu.cfs_period_us", std::to_string(kPeriodMicros)).within("limit cpus"));
      TRY_VOID(put(group + "/cpu.cfs_quota_us", std::to_string(quota)).within("limit cpus"));
    }
  }
  if (spec.limits.pids) {
    const auto group = TRY(group_for(spec, "pids").within("limit pids"));
    TRY_VOID(put(group + "/pids.max", std::to_string(*spec.limits.pids)).within("limit pids"));
  }
  return {};
}

// The directory in which a limit of this controller is set for the workload.
Result<std::string> Cgroup::group_for(const workload::Spec& spec, std::string_view controller) {
  const std::string hierarchy = fmt::format("{}/{}", spec.cgroup_root, controller);
  if (is_mounted(hierarchy, CGROUP_SUPER_MAGIC)) {
    auto group = TRY(make_group(hierarchy, spec.cgroup, spec.id));
    os::Fd procs(open((group + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!procs.valid()) return errno_error("open " + group + "/cgroup.procs", errno);
    version1_.push_back(std::move(procs));
    return group;
  }
  const auto root = unified_root(spec.cgroup_root);
  if (!root) return error(Code::Failed, "no {} control groups are mounted at {}", controller, spec.cgroup_root);
  if (unified_.empty()) unified_ = TRY(make_group(*root, spec.cgroup, spec.id));
  TRY_VOID(enable_down_to(*root, spec.cgroup, controller));
  return unified_;
}

Result<std::string> Cgroup::make_group(const std::string& hierarchy, std::string_view parent, std::string_view id) {
  const std::string above = hierarchy + std::string(parent);
  TRY_VOID(os::make_directories(above, 0755));
  std::string group = fmt::format("{}/{}", above, id);
  const bool is_new = wait_until([&] {
    if (mkdir(group.c_str(), 0755) == 0 || errno != EEXIST) return true;
    // A killed shim left it: what is in it goes, and so do its old limits and counts.
    kill_processes(group);
    (void)rmdir(group.c_str());
    return false;
  });
  if (!is_new || access(group.c_str(), F_OK) != 0) return errno_error("make control group " + group, errno);
  groups_.push_back(group);
  return group;
}

bool Cgroup::join() const {
  return std::all_of(version1_.begin(), version1_.end(),
                     [](const os::Fd& procs) { return write(procs.get(), "0", 1) == 1; });
}

uint64_t Cgroup::out_of_memory_kills() const {
  return memory_events_.empty() ? 0 : count_in(memory_events_, "oom_kill");
}

Result<> Cgroup::remove() {
  version1_.clear();
  birthplace_.reset();
  Result<> outcome;
  for (const auto& group : groups_) {
    kill_processes(group);
    const bool gone = wait_until([&] { return rmdir(group.c_str()) == 0 || errno == ENOENT; });
    if (!gone) outcome = errno_error("remove control group " + group, EBUSY);
  }
  groups_.clear();
  unified_.clear();
  return outcome;
}

}  // namespace weft::shim
