#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/text.h"
#include "os/file.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

// Deeper trees than any of ours; each level holds a descriptor open.
constexpr int kDeepestTree = 64;

// Opens a directory that lies below `root` without a symbolic link or a mount
// point on the way; the kernel enforces both.
Fd open_below(int root, const char* name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return Fd(static_cast<int>(syscall(SYS_openat2, root, name, &how, sizeof how)));
}

// Takes the directory over: the stream closes it.
Result<std::vector<std::string>> names_in(Fd directory, const std::string& path) {
  const auto shut = [](DIR* stream) { closedir(stream); };
  const std::unique_ptr<DIR, decltype(shut)> stream(fdopendir(directory.get()), shut);
  if (!stream) return errno_error("read directory " + path, errno);
  directory.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) return errno_error("read directory " + path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

Result<> remove_entry(int parent, const std::string& name, const std::string& path, int levels);

Result<> empty_directory(int parent, const std::string& name, const std::string& path, int levels) {
  if (levels == 0) return error(Code::Limit, "{} is deeper than {} directories", path, kDeepestTree);
  Fd directory = open_below(parent, name.c_str());
  if (!directory.valid()) return errno_error("open " + path, errno);
  const int number = fcntl(directory.get(), F_DUPFD_CLOEXEC, 0);
  if (number < 0) return errno_error("open " + path, errno);
  for (const auto& entry : TRY(names_in(Fd(number), path))) {
    TRY_VOID(remove_entry(directory.get(), entry, path + "/" + entry, levels - 1));
  }
  return {};
}

Result<> remove_entry(int parent, const std::string& name, const std::string& path, int levels) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR) return errno_error("remove " + path, errno);
  TRY_VOID(empty_directory(parent, name, path, levels));
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return errno_error("remove " + path, errno);
  }
  return {};
}

}  // namespace

Result<> make_directories(const std::string& path, mode_t mode) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return errno_error("make directory " + part, errno);
    if (end == std::string::npos) break;
  }
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return errno_error("make directory " + path, errno);
  if (!S_ISDIR(found.st_mode)) return errno_error("make directory " + path, ENOTDIR);
  return {};
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() && errno == ENOENT) return std::vector<std::string>();
  if (!directory.valid()) return errno_error("open " + path, errno);
  return names_in(std::move(directory), path);
}

bool is_relative_path(std::string_view name) {
  const auto parts = base::split(name, '/');
  return std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
    return part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos;
  });
}

Result<> remove_tree(const std::string& root, const std::string& name) {
  const std::string path = root + "/" + name;
  if (!is_relative_path(name)) return error(Code::Usage, "remove {}: not below {}", base::printable(path), root);
  Fd parent(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const size_t slash = name.rfind('/');
  if (parent.valid() && slash != std::string::npos) parent = open_below(parent.get(), name.substr(0, slash).c_str());
  if (!parent.valid() && errno == ENOENT) return {};
  if (!parent.valid()) return errno_error("open " + path, errno);
  return remove_entry(parent.get(), name.substr(slash + 1), path, kDeepestTree);
}

}  // namespace weft::os
