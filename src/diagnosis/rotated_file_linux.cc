#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "diagnosis/lines.h"
#include "os/fd.h"
#include "os/file.h"

namespace weft::diagnosis {

using base::errno_error;

namespace {

std::string old_path(const RotatedFileOptions& options, unsigned age) {
  return age == 0 ? options.path : options.path + "." + std::to_string(age);
}

class RotatedFile : public Lines {
 public:
  explicit RotatedFile(RotatedFileOptions options) : options_(std::move(options)) {}

  Result<> open() {
    file_ = os::Fd(::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file_.valid()) return errno_error("open " + options_.path, errno);
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) return errno_error("examine " + options_.path, errno);
    size_ = static_cast<size_t>(status.st_size);
    return {};
  }

  Result<> append(std::string_view lines) override {
    if (!file_.valid()) TRY_VOID(open());
    if (size_ > 0 && size_ + lines.size() > options_.most_bytes) TRY_VOID(rotate());
    auto written = os::write_all(file_.get(), lines).within(options_.path);
    if (written.ok()) {
      size_ += lines.size();
    } else if (ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
      file_.reset();  // half a line may stand there; what comes next finds out
    }
    return written;
  }

 private:
  Result<> rotate() {
    for (unsigned age = options_.most_old; age > 0; --age) {
      const std::string from = old_path(options_, age - 1);
      if (rename(from.c_str(), old_path(options_, age).c_str()) != 0 && errno != ENOENT) {
        return errno_error("rotate " + from, errno);
      }
    }
    if (options_.most_old == 0) TRY_VOID(os::remove_file(options_.path));
    return open();
  }

  RotatedFileOptions options_;
  os::Fd file_;
  size_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<Lines>> open_rotated_file(RotatedFileOptions options) {
  auto file = std::make_unique<RotatedFile>(std::move(options));
  TRY_VOID(file->open());
  return std::unique_ptr<Lines>(std::move(file));
}

Result<std::string> read_rotated_file(const RotatedFileOptions& options, size_t most_bytes) {
  std::string text;
  for (unsigned age = 0; age <= options.most_old && text.size() < most_bytes; ++age) {
    // One append may be longer than the file's measure; nothing of ours is twice.
    const auto part = TRY(os::find_file(old_path(options, age), 2 * options.most_bytes));
    if (part) text.insert(0, *part);
  }
  if (text.size() > most_bytes) {
    text.erase(0, text.size() - most_bytes);
    text.erase(0, text.find('\n') + 1);
  }
  return text;
}

}  // namespace weft::diagnosis
