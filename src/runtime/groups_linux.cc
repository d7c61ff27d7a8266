#include "runtime/groups_linux.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"

namespace weft::runtime {

using base::Code;
using base::errno_error;

namespace {

constexpr std::array<std::string_view, 5> kHierarchies = {"", "/unified", "/memory", "/cpu", "/pids"};
constexpr size_t kMostBytes = size_t{1} << 20;

// Version 2 kills all at once; in version 1 those that are there now.
void kill_members(const std::string& path) {
  const os::Fd all(open((path + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  if (all.valid() && write(all.get(), "1", 1) == 1) return;
  const std::string members = os::read_file(path + "/cgroup.procs", kMostBytes).value_or("");
  for (const auto line : base::split(members, '\n')) {
    const auto pid = base::parse_number(line, 2, INT32_MAX);
    if (pid.ok()) kill(static_cast<pid_t>(*pid), SIGKILL);
  }
}

Result<> remove_one(const std::string& path) {
  // Asked first: a hierarchy that is read-only would refuse to remove what isn't there.
  if (access(path.c_str(), F_OK) != 0 || rmdir(path.c_str()) == 0) return {};
  kill_members(path);
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno == EBUSY) return error(Code::Unavailable, "control group {} isn't empty yet", path);
  return errno_error("remove control group " + path, errno);
}

}  // namespace

Result<> remove_group(const std::string& root, const std::string& group) {
  for (const auto hierarchy : kHierarchies) TRY_VOID(remove_one(fmt::format("{}{}{}", root, hierarchy, group)));
  return {};
}

Result<> remove_groups(const std::string& root, const std::string& parent) {
  for (const auto hierarchy : kHierarchies) {
    const std::string path = fmt::format("{}{}{}", root, hierarchy, parent);
    for (const auto& name : TRY(os::list_directory(path))) {
      const std::string child = fmt::format("{}/{}", path, name);
      if (access((child + "/cgroup.procs").c_str(), F_OK) == 0) TRY_VOID(remove_one(child));
    }
    TRY_VOID(remove_one(path));
  }
  return {};
}

}  // namespace weft::runtime
