#include "runtime/log_reader_linux.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace weft::runtime {

using base::errno_error;
using os::Fd;
using workload::LogRecord;

namespace {

constexpr uint64_t kMostFiles = 100;  // as workload::Spec has it
constexpr int kMostAttempts = 8;      // against a rotation at the same time
constexpr size_t kChunkBytes = size_t{64} * 1024;
constexpr size_t kMostRecordBytes = 6 * workload::kMostLineBytes + 256;

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};

std::optional<FileId> id_of(const Fd& file) {
  struct stat state {};
  if (!file.valid() || fstat(file.get(), &state) != 0) return std::nullopt;
  return FileId{state.st_dev, state.st_ino};
}

std::optional<FileId> id_of(const std::string& path) {
  struct stat state {};
  if (lstat(path.c_str(), &state) != 0) return std::nullopt;
  return FileId{state.st_dev, state.st_ino};
}

// The log is root's: a link or a pipe in it isn't the shim's doing.
Result<std::optional<Fd>> open_log(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) return std::optional<Fd>();
  if (!file.valid()) return errno_error("open " + path, errno);
  return std::optional(std::move(file));
}

// Where the last `lines` lines of the file begin. Takes off `lines` those that it has.
Result<off_t> find_last_lines(const Fd& file, uint64_t& lines) {
  std::array<char, kChunkBytes> chunk;
  off_t end = lseek(file.get(), 0, SEEK_END);
  const off_t size = end;
  while (end > 0) {
    const off_t from = std::max<off_t>(0, end - static_cast<off_t>(chunk.size()));
    const ssize_t got = pread(file.get(), chunk.data(), static_cast<size_t>(end - from), from);
    if (got < 0) return errno_error("read the log", errno);
    for (ssize_t i = got - 1; i >= 0; --i) {
      // The last line's own end begins nothing.
      if (chunk[static_cast<size_t>(i)] != '\n' || from + i + 1 == size) continue;
      if (--lines == 0) return from + i + 1;
    }
    end = from;
  }
  if (size > 0) --lines;
  return 0;
}

}  // namespace

std::string LogReader::path(uint64_t number) const {
  return number == 0 ? directory_ + "/output" : fmt::format("{}/output.{}", directory_, number);
}

Result<LogReader> LogReader::open(std::string directory, std::optional<uint64_t> tail) {
  LogReader reader(std::move(directory));
  if (tail) TRY_VOID(reader.find_start(*tail));
  return reader;
}

Result<> LogReader::find_start(uint64_t tail) {
  for (uint64_t number = 0; number < kMostFiles; ++number) {
    auto file = TRY(open_log(path(number)));
    if (!file) return {};
    const bool is_same = id_of(*file) == id_of(file_);  // renamed just now
    file_ = std::move(*file);
    if (tail == 0) {
      lseek(file_.get(), 0, SEEK_END);
      return {};
    }
    if (is_same) continue;
    const off_t from = TRY(find_last_lines(file_, tail));
    lseek(file_.get(), from, SEEK_SET);
    if (tail == 0) return {};
  }
  return {};
}

Result<std::optional<LogRecord>> LogReader::next() {
  while (true) {
    while (const auto line = take_line()) {
      auto record = workload::parse_log_record(*line);
      if (record.ok()) return std::optional(std::move(*record));
    }
    // In this order: what was written before a rotation is read before going on.
    const bool was_rotated = is_rotated();
    if (TRY(read_some())) continue;
    if (!was_rotated || !TRY(open_next())) return std::optional<LogRecord>();
  }
}

std::optional<std::string> LogReader::take_line() {
  while (true) {
    const size_t end = buffer_.find('\n', start_);
    if (end == std::string::npos) break;
    std::string line = buffer_.substr(start_, end - start_);
    start_ = end + 1;
    if (std::exchange(line_, Line::Whole) == Line::Whole) return line;
  }
  buffer_.erase(0, start_);
  start_ = 0;
  if (buffer_.size() > kMostRecordBytes) {
    buffer_.clear();
    line_ = Line::TooLong;
  }
  return std::nullopt;
}

// Whether there was something.
Result<bool> LogReader::read_some() {
  if (!file_.valid()) return false;
  std::array<char, kChunkBytes> chunk;
  const ssize_t got = read(file_.get(), chunk.data(), chunk.size());
  if (got < 0) return errno_error("read the log", errno);
  buffer_.append(chunk.data(), static_cast<size_t>(got));
  return got > 0;
}

bool LogReader::is_rotated() const { return !file_.valid() || id_of(file_) != id_of(path(0)); }

// The file after this one; the oldest, if this one is none of them any more.
// Rotation renames from the oldest on, and upwards: so a scan upwards finds ours.
Result<bool> LogReader::open_next() {
  const auto ours = id_of(file_);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const Place place = find_place();
    if (!place.next) return false;
    auto file = TRY(open_log(path(*place.next)));
    const bool is_still_so = !place.ours || id_of(path(*place.ours)) == ours;
    if (!file || !is_still_so) continue;
    file_ = std::move(*file);
    buffer_.clear();
    start_ = 0;
    line_ = Line::Whole;
    return true;
  }
  return false;
}

LogReader::Place LogReader::find_place() const {
  const auto ours = id_of(file_);
  Place place;
  for (uint64_t number = 0; number < kMostFiles; ++number) {
    const auto found = id_of(path(number));
    if (!found) continue;
    if (ours && found == ours) {
      place.ours = number;
      if (number == 0) place.next.reset();
      if (number > 0) place.next = number - 1;
      return place;
    }
    place.next = number;
  }
  return place;
}

}  // namespace weft::runtime
