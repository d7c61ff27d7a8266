// A disk that fails, or whose power is cut, under the test program: it replaces the C library's calls that write, so
// that SQLite and the store's own files go through it. For exactly one test program; include it in one file only.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "store/testing.h"

namespace weft::store::testing {

struct Overwrite {
  std::string path;
  size_t at;
  std::string old_bytes;  // shorter than the new ones where the file grew
  size_t size;            // of the new ones
  size_t old_file_size;
};

// The files of a folder as the kernel has them, and what of it the disk may not have yet.
struct PowerCut {
  std::map<std::string, std::string> files;  // by name
  std::vector<Overwrite> unflushed;
  uint64_t acknowledged;
};

class FaultyDisk {
 public:
  enum class Then { Recovers, StaysBroken };

  // The n-th write, flush or truncation from now on (from 0) fails with this errno.
  void fail(uint64_t n, int error_number, Then then) { fault_ = Fault{n, error_number, then}; }
  void repair() { fault_.reset(); }
  bool has_failed() const { return failed_; }
  void forget_failure() { failed_ = false; }

  // Records an image at every write, flush and truncation, until stop_cutting().
  void cut_power_in(std::filesystem::path folder) { folder_ = std::move(folder); }
  std::vector<PowerCut> stop_cutting() {
    folder_.clear();
    unflushed_.clear();
    return std::exchange(cuts_, {});
  }
  // What has been promised to the user by now.
  uint64_t acknowledged = 0;

  // The errno with which the call under way must fail, if it must.
  std::optional<int> next_call() {
    cut();
    if (!fault_) return {};
    if (fault_->countdown > 0) {
      --fault_->countdown;
      return {};
    }
    const int error_number = fault_->error_number;
    if (fault_->then == Then::Recovers) fault_.reset();
    failed_ = true;
    return error_number;
  }
  void before_write(int fd, size_t size, size_t at);
  void after_flush(int fd) {
    if (folder_.empty()) return;
    std::erase_if(unflushed_, [path = path_of(fd)](const Overwrite& write) { return write.path == path; });
  }

 private:
  struct Fault {
    uint64_t countdown;
    int error_number;
    Then then;
  };
  static std::string path_of(int fd) {
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string();
  }
  void cut();

  std::optional<Fault> fault_;
  bool failed_ = false;
  std::filesystem::path folder_;
  std::vector<Overwrite> unflushed_;
  std::vector<PowerCut> cuts_;
};

inline FaultyDisk disk;

inline void FaultyDisk::cut() {
  if (folder_.empty()) return;
  PowerCut now{.files = {}, .unflushed = unflushed_, .acknowledged = acknowledged};
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    now.files[file.path().filename().string()] = contents(file.path().string());
  }
  cuts_.push_back(std::move(now));
}

inline void FaultyDisk::before_write(int fd, size_t size, size_t at) {
  if (folder_.empty()) return;
  const std::string path = path_of(fd);
  if (!path.starts_with(folder_.string())) return;
  const std::string bytes = contents(path);
  const std::string old_bytes = at < bytes.size() ? bytes.substr(at, size) : "";
  unflushed_.push_back({path, at, old_bytes, size, bytes.size()});
}

// What the disk may hold after a cut: of what was not flushed, each sector is either the new or an older one, and a
// file that grew may have grown only in the file system's notion, or only in part.
inline std::map<std::string, std::string> after(const PowerCut& cut, base::Rng& rng) {
  constexpr size_t kSector = 512;
  std::map<std::string, std::string> files = cut.files;
  const uint64_t lost_in = 1 + rng.below(8);  // from all to every eighth
  for (auto write = cut.unflushed.rbegin(); write != cut.unflushed.rend(); ++write) {
    const auto file = files.find(std::filesystem::path(write->path).filename().string());
    if (file == files.end()) continue;
    std::string& bytes = file->second;
    for (size_t at = 0; at < write->size; at += kSector - (write->at + at) % kSector) {
      const size_t length = std::min(kSector - (write->at + at) % kSector, write->size - at);
      if (!rng.one_in(lost_in) || write->at + at + length > bytes.size()) continue;
      std::string old_bytes = at < write->old_bytes.size() ? write->old_bytes.substr(at, length) : "";
      old_bytes.resize(length, '\0');
      bytes.replace(write->at + at, length, old_bytes);
    }
    if (write->old_file_size < bytes.size() && rng.one_in(2 * lost_in)) bytes.resize(write->old_file_size);
  }
  return files;
}

}  // namespace weft::store::testing

// NOLINTBEGIN: the names are the C library's.
extern "C" {
static_assert(sizeof(off_t) == sizeof(off64_t));

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  if (const auto error = weft::store::testing::disk.next_call()) return errno = *error, -1;
  weft::store::testing::disk.before_write(fd, size, static_cast<size_t>(at));
  return syscall(SYS_pwrite64, fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) { return pwrite(fd, bytes, size, at); }
int fdatasync(int fd) {
  if (const auto error = weft::store::testing::disk.next_call()) return errno = *error, -1;
  weft::store::testing::disk.after_flush(fd);
  return 0;  // nothing here depends on the real disk
}
int fsync(int fd) { return fdatasync(fd); }
int ftruncate(int fd, off_t size) noexcept {
  if (const auto error = weft::store::testing::disk.next_call()) return errno = *error, -1;
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }
}
// NOLINTEND
