#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <climits>
#include <set>
#include <thread>

#include "base/check.h"
#include "base/text.h"
#include "os/file.h"
#include "os/netns.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

constexpr const char* kDirectory = "/run/netns";
constexpr const char* kOwn = "/proc/thread-self/ns/net";

Result<std::string> path_of(const std::string& name) {
  const bool shaped = !name.empty() && name.size() <= NAME_MAX && name.find('/') == std::string::npos &&
                      name.find('\0') == std::string::npos && name != "." && name != "..";
  if (!shaped) return error(Code::Usage, "{} is not a name for a namespace", base::printable(name));
  return std::string(kDirectory) + "/" + name;
}

Result<bool> is_mount_point(const char* path) {
  struct statx found {};
  if (statx(AT_FDCWD, path, 0, 0, &found) != 0) return errno_error(path, errno);
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// The directory must be a shared mount, so that names made in one mount
// namespace are seen in those that were copied from it. `ip netns` does the
// same under the same lock, whoever of the two comes first.
Result<> prepare_directory() {
  TRY_VOID(make_directories(kDirectory, 0755));
  if (TRY(is_mount_point(kDirectory))) return {};
  const Fd directory(open(kDirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return errno_error(kDirectory, errno);
  if (flock(directory.get(), LOCK_EX) != 0) return errno_error("lock " + std::string(kDirectory), errno);
  if (TRY(is_mount_point(kDirectory))) return {};
  if (mount(kDirectory, kDirectory, "none", MS_BIND | MS_REC, nullptr) != 0 ||
      mount("", kDirectory, "none", MS_SHARED | MS_REC, nullptr) != 0) {
    return errno_error("share " + std::string(kDirectory), errno);
  }
  return {};
}

// Gives the calling thread's namespace the name.
Result<Fd> bind_own(const std::string& path) {
  if (mount(kOwn, path.c_str(), "none", MS_BIND, nullptr) != 0) return errno_error("mount " + path, errno);
  Fd netns(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns.valid()) return errno_error("open " + path, errno);
  return netns;
}

Result<> go_home(const Fd& home) {
  if (setns(home.get(), CLONE_NEWNET) != 0) return errno_error("return to the namespace", errno);
  return {};
}

}  // namespace

Result<Fd> current_netns() {
  Fd own(open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!own.valid()) return errno_error(std::string("open ") + kOwn, errno);
  return own;
}

Result<NetnsLock> NetnsLock::acquire(const Fd& netns, std::chrono::milliseconds patience) {
  // Opened anew: a lock belongs to a descriptor and its copies.
  Fd own(open(fmt::format("/proc/self/fd/{}", netns.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!own.valid()) return errno_error("open the namespace", errno);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (flock(own.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error("lock the namespace", errno);
    if (std::chrono::steady_clock::now() >= deadline) {
      return error(Code::Conflict, "somebody else has had the namespace for {} ms", patience.count());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return NetnsLock(std::move(own));
}

// By its own call: a process that was just born of this one may have the descriptor, too.
NetnsLock::~NetnsLock() {
  if (netns_.valid()) flock(netns_.get(), LOCK_UN);
}

Result<Fd> create_netns(const std::string& name) {
  const std::string path = TRY(path_of(name));
  TRY_VOID(prepare_directory());
  const Fd file(open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file.valid() && errno == EEXIST) return error(Code::Conflict, "a namespace has the name {} already", name);
  if (!file.valid()) return errno_error("create " + path, errno);
  Result<Fd> netns = Fd();
  {
    // In this thread, without a process: a fork would cost more than all the rest.
    const Fd home = TRY(current_netns());
    if (unshare(CLONE_NEWNET) == 0) {
      netns = bind_own(path);
      CHECK(go_home(home).ok());
    } else {
      netns = errno_error("make a network namespace", errno);
    }
  }
  if (!netns.ok()) static_cast<void>(remove_netns(name));
  return netns;
}

Result<> name_netns(const Fd& netns, const std::string& name) {
  const std::string path = TRY(path_of(name));
  if (TRY(find_netns(name))) return error(Code::Conflict, "a namespace has the name {} already", name);
  TRY_VOID(prepare_directory());
  // A bare file may be there still, if only the mount was taken away.
  const Fd file(open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0444));
  if (!file.valid()) return errno_error("create " + path, errno);
  const std::string own = fmt::format("/proc/self/fd/{}", netns.get());
  if (mount(own.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) return errno_error("mount " + path, errno);
  return {};
}

Result<std::optional<Fd>> find_netns(const std::string& name) {
  const std::string path = TRY(path_of(name));
  Fd netns(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!netns.valid() && errno == ENOENT) return std::optional<Fd>();
  if (!netns.valid()) return errno_error("open " + path, errno);
  struct statfs found {};
  if (fstatfs(netns.get(), &found) != 0) return errno_error("open " + path, errno);
  if (found.f_type != NSFS_MAGIC) return std::optional<Fd>();
  return std::optional<Fd>(std::move(netns));
}

Result<Fd> open_netns(const std::string& name) {
  auto netns = TRY(find_netns(name));
  if (!netns) return error(Code::NotFound, "no network namespace has the name {}", base::printable(name));
  return std::move(*netns);
}

Result<> remove_netns(const std::string& name) {
  const std::string path = TRY(path_of(name));
  // EINVAL: not a mount, the rest of a creation that was cut off.
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return errno_error("unmount " + path, errno);
  }
  return remove_file(path);
}

Result<std::optional<Fd>> search_netns(const std::function<Result<bool>(const Fd& netns)>& is_it) {
  std::set<ino_t> asked;
  for (const std::string& process : TRY(list_directory("/proc"))) {
    if (process.find_first_not_of("0123456789") != std::string::npos) continue;
    // Processes end while they are looked at.
    Fd netns(open(("/proc/" + process + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found {};
    if (!netns.valid() || fstat(netns.get(), &found) != 0 || !asked.insert(found.st_ino).second) continue;
    if (TRY(is_it(netns))) return std::optional(std::move(netns));
  }
  return std::optional<Fd>();
}

Result<std::vector<std::string>> list_netns(std::string_view prefix) {
  auto names = TRY(list_directory(kDirectory));
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(prefix); });
  return names;
}

Result<InsideNetns> InsideNetns::enter(const Fd& netns) {
  Fd home = TRY(current_netns());
  if (setns(netns.get(), CLONE_NEWNET) != 0) return errno_error("enter the network namespace", errno);
  return InsideNetns(std::move(home));
}

InsideNetns::~InsideNetns() {
  if (home_.valid()) CHECK(go_home(home_).ok());
}

}  // namespace weft::os
