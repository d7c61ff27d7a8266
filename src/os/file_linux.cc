#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "os/file.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

Result<std::string> read_rest(int fd, const std::string& path, size_t limit) {
  std::string text;
  std::array<char, 16384> chunk;
  while (true) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read " + path, errno);
    if (text.size() + static_cast<size_t>(got) > limit) {
      return error(Code::Limit, "{} is longer than {} bytes", path, limit);
    }
    text.append(chunk.data(), static_cast<size_t>(got));
  }
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<> flush_directory(const std::string& path) {
  const Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return errno_error("open " + path, errno);
  if (fsync(directory.get()) != 0) return errno_error("flush " + path, errno);
  return {};
}

Result<> fill(const Fd& file, const std::string& path, std::string_view text, mode_t mode, Durability durability) {
  if (fchmod(file.get(), mode) != 0) return errno_error("change mode of " + path, errno);
  TRY_VOID(write_all(file.get(), text).within("write " + path));
  if (durability == Durability::Flushed && fsync(file.get()) != 0) return errno_error("flush " + path, errno);
  return {};
}

}  // namespace

Result<std::optional<std::string>> find_file(const std::string& path, size_t limit) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return std::optional<std::string>();
  if (!file.valid()) return errno_error("open " + path, errno);
  return std::optional(TRY(read_rest(file.get(), path, limit)));
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  auto text = TRY(find_file(path, limit));
  if (!text) return error(Code::NotFound, "open {}: no such file", path);
  return std::move(*text);
}

Result<> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("write", errno);
    text.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Result<> write_file_atomic(const std::string& path, std::string_view text, mode_t mode, Durability durability) {
  std::string draft = path + ".XXXXXX";
  Fd file(mkostemp(draft.data(), O_CLOEXEC));
  if (!file.valid()) return errno_error("create " + draft, errno);
  auto filled = fill(file, draft, text, mode, durability);
  if (filled.ok() && rename(draft.c_str(), path.c_str()) != 0) filled = errno_error("replace " + path, errno);
  if (!filled.ok()) {
    unlink(draft.c_str());
    return filled;
  }
  return durability == Durability::Flushed ? flush_directory(directory_of(path)) : Result<>();
}

Result<> remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + path, errno);
  return {};
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return errno_error("open " + path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error("lock " + path, errno);
    const std::string holder(base::trim(read_rest(file.get(), path, 32).value_or("")));
    return Error{.code = Code::Conflict,
                 .what = fmt::format("{} is locked by process {}", path, base::printable(holder)),
                 .holder = holder};
  }
  if (ftruncate(file.get(), 0) != 0) return errno_error("write " + path, errno);
  TRY_VOID(write_all(file.get(), fmt::format("{}\n", getpid())).within(path));
  return FileLock(std::move(file));
}

}  // namespace weft::os
