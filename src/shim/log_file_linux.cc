#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "os/file.h"
#include "shim/log_file.h"

namespace weft::shim {

using base::errno_error;
using workload::LogRecord;
using workload::Stream;

Result<LogFile> LogFile::open(std::string directory, workload::LogLimits limits) {
  TRY_VOID(os::make_directories(directory, 0700));
  LogFile log(std::move(directory), limits);
  TRY_VOID(log.open_current());
  return log;
}

std::string LogFile::path(uint64_t number) const {
  return number == 0 ? directory_ + "/output" : fmt::format("{}/output.{}", directory_, number);
}

Result<> LogFile::open_current() {
  const std::string name = path(0);
  file_ = os::Fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat state {};
  if (!file_.valid() || fstat(file_.get(), &state) != 0) return errno_error("open " + name, errno);
  size_ = static_cast<uint64_t>(state.st_size);
  return {};
}

void LogFile::rotate() {
  for (uint64_t number = limits_.files - 1; number > 0; --number) {
    (void)rename(path(number - 1).c_str(), path(number).c_str());
  }
  if (limits_.files == 1) (void)unlink(path(0).c_str());
  // Without a new file the records are lost, and counted.
  (void)open_current();
}

void LogFile::append(base::WallTime now, Stream stream, std::string_view bytes) {
  write((stream == Stream::Stdout ? stdout_ : stderr_).feed(now, bytes));
}

void LogFile::finish(base::WallTime now) {
  write(stdout_.finish(now));
  write(stderr_.finish(now));
}

// One system call for the records that go to one file.
void LogFile::write(const std::vector<LogRecord>& records) {
  std::string text;
  int64_t count = 0;
  for (const LogRecord& record : records) {
    const std::string line = encode(record);
    if (size_ + text.size() + line.size() > limits_.file_bytes && size_ + text.size() > 0) {
      put(text, std::exchange(count, 0));
      text.clear();
      rotate();
    }
    text += line;
    ++count;
  }
  put(text, count);
}

void LogFile::put(std::string_view text, int64_t records) {
  if (text.empty()) return;
  if (os::write_all(file_.get(), text).ok()) {
    size_ += text.size();
    return;
  }
  lost_ += records;
  // No half a record: what a full disk has taken of it goes again.
  if (file_.valid()) (void)!ftruncate(file_.get(), static_cast<off_t>(size_));
}

}  // namespace weft::shim
