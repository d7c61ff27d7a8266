#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>

#include "os/bpffs.h"
#include "os/file.h"

namespace weft::os {

using base::errno_error;

namespace {

Result<bool> is_bpffs(const std::string& path) {
  struct statfs found {};
  if (statfs(path.c_str(), &found) != 0) return errno_error("look at " + path, errno);
  return static_cast<unsigned long>(found.f_type) == BPF_FS_MAGIC;
}

}  // namespace

Result<> mount_bpffs(const std::string& path) {
  TRY_VOID(make_directories(path, 0700));
  if (TRY(is_bpffs(path))) return {};
  if (mount("bpf", path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
    return errno_error("mount a bpffs at " + path, errno);
  }
  return {};
}

Result<> unmount_bpffs(const std::string& path) {
  if (umount2(path.c_str(), UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return errno_error("unmount " + path, errno);
  }
  return {};
}

}  // namespace weft::os
