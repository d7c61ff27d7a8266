#include "store/high_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.h"
#include "store/checksum.h"
#include "store/disk_error.h"

namespace weft::store {
namespace {

using base::Code;
using base::error;

constexpr std::string_view kTitle = "weft changes ";
constexpr size_t kMarkBytes = kTitle.size() + 16 + 1 + 2 * kChecksumBytes + 1;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace

std::string encode_mark(uint64_t changes, std::string_view cluster) {
  const std::string count = base::hex64(changes);
  return fmt::format("{}{} {}\n", kTitle, count, hex(checksum({kTitle, cluster, count})));
}

Result<uint64_t> parse_mark(std::string_view text, std::string_view cluster) {
  const Error damaged = error(Code::Failed, "not a whole mark of this cluster's store");
  if (text.size() != kMarkBytes || !text.starts_with(kTitle)) return damaged;
  uint64_t changes = 0;
  for (const char digit : text.substr(kTitle.size(), 16)) {
    const size_t value = std::string_view("0123456789abcdef").find(digit);
    if (value == std::string_view::npos) return damaged;
    changes = changes << 4 | value;
  }
  if (text != encode_mark(changes, cluster)) return damaged;
  return changes;
}

Result<HighMark> HighMark::open(std::string path, std::string cluster) {
  os::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return disk_error(path, errno);
  return HighMark(std::move(path), std::move(cluster), std::move(fd));
}

HighMark::HighMark(std::string path, std::string cluster, os::Fd fd)
    : path_(std::move(path)), cluster_(std::move(cluster)), fd_(std::move(fd)) {}

HighMark::~HighMark() {
  if (fd_.valid()) ::fdatasync(fd_.get());  // best effort: an older mark after a loss of power is still a true one
}

Result<std::optional<uint64_t>> HighMark::read() const {
  char text[kMarkBytes + 1];
  const ssize_t size = ::pread(fd_.get(), text, sizeof text, 0);
  if (size < 0) return disk_error(path_, errno);
  if (size == 0) return std::optional<uint64_t>();
  auto changes = parse_mark({text, static_cast<size_t>(size)}, cluster_);
  if (!changes.ok()) {
    return std::move(changes).error().within(path_ + " is damaged (remove it if the database is known to be good)");
  }
  return std::optional<uint64_t>(*changes);
}

Result<> HighMark::write(uint64_t changes) {
  const std::string text = encode_mark(changes, cluster_);
  const ssize_t written = ::pwrite(fd_.get(), text.data(), text.size(), 0);
  if (written < 0) return disk_error(path_, errno);
  if (written != static_cast<ssize_t>(text.size())) return error(Code::Failed, "{}: short write", path_);
  return {};
}

}  // namespace weft::store
