#include "store/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "os/fd.h"
#include "store/disk_error.h"

namespace weft::store {
namespace {

using base::Code;
using base::error;
using os::Fd;

bool exists(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

Result<> check_no_remains(const std::string& path) {
  for (const std::string& remains : {wal_path(path), mark_path(path)}) {
    if (exists(remains)) {
      return error(Code::Failed, "{}: missing, but {} says that it existed; restore both from a backup, or remove it",
                   path, remains);
    }
  }
  return {};
}

Result<> check_absolute(const std::string& path) {
  if (path.starts_with('/') && !path.ends_with('/') && path.find('\0') == std::string::npos) return {};
  return error(Code::Usage, "the store needs an absolute path of a file");
}

// The directory of `path`, locked against another creator.
Result<Fd> lock_directory(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return disk_error(directory, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return error(Code::Conflict, "{}: another process makes a store there", directory);
  }
  return fd;
}

void remove_unfinished(const std::string& path) {
  const std::string unfinished = unfinished_path(path);
  for (const char* suffix : {"", "-wal", "-journal"}) ::unlink((unfinished + suffix).c_str());
}

Result<> make_empty(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return disk_error(path, errno);
  return {};
}

Result<> give_name(const std::string& path, const Fd& directory) {
  if (::renameat2(AT_FDCWD, unfinished_path(path).c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return disk_error(path, errno);
  }
  if (::fsync(directory.get()) != 0) return disk_error(path, errno);
  return {};
}

}  // namespace

std::string wal_path(const std::string& path) { return path + "-wal"; }
std::string mark_path(const std::string& path) { return path + "-head"; }
std::string unfinished_path(const std::string& path) { return path + "-new"; }

Result<> check_files(const std::string& path) {
  TRY_VOID(check_absolute(path));
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return disk_error(path, errno);
    TRY_VOID(check_no_remains(path));
    return error(Code::NotFound, "{}: no such file", path);
  }
  if (!S_ISREG(status.st_mode)) return error(Code::Failed, "{}: not a file", path);
  if (status.st_size == 0) return damaged(path, "it is empty");
  return {};
}

Result<> create_file(const std::string& path, const std::function<Result<>(const std::string& unfinished)>& build) {
  TRY_VOID(check_absolute(path));
  const Fd directory = TRY(lock_directory(path));
  if (exists(path)) return error(Code::Conflict, "{}: exists already", path);
  TRY_VOID(check_no_remains(path));
  remove_unfinished(path);  // of a creation that was interrupted: nobody was told that it exists
  Result<> made = make_empty(unfinished_path(path));
  if (made.ok()) made = build(unfinished_path(path));
  if (made.ok()) made = give_name(path, directory);
  if (!made.ok()) remove_unfinished(path);
  return made;
}

}  // namespace weft::store
