// Whole files and directories. Every read is bounded, every new file appears
// complete or not at all, and nothing outside a given root is ever removed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// A file longer than `limit` bytes is an error of Code::Limit, never a cut text.
Result<std::string> read_file(const std::string& path, size_t limit);
// The same; nothing if there is no such file.
Result<std::optional<std::string>> find_file(const std::string& path, size_t limit);

// Cached: survives this process. Flushed: survives a power cut, too.
enum class Durability { Cached, Flushed };
// Readers see the old text or the new one, also after a crash in between.
Result<> write_file_atomic(const std::string& path, std::string_view text, mode_t mode, Durability durability);

// Writes all of `text` to an open descriptor.
Result<> write_all(int fd, std::string_view text);

// The directory and those above it that are missing. Existing ones keep their mode.
Result<> make_directories(const std::string& path, mode_t mode);

// Names in a directory, sorted, without "." and "..". Nothing if there is no such directory.
Result<std::vector<std::string>> list_directory(const std::string& path);

// Whether `name` says a place below where one stands: components between single
// slashes, none empty, "." or "..".
bool is_relative_path(std::string_view name);

// A file that is not there counts as removed; so does a tree.
Result<> remove_file(const std::string& path);
// Removes root/name with all below it. `name` may have several components.
// Follows no symbolic link, leaves no mount point: meeting one is an error.
Result<> remove_tree(const std::string& root, const std::string& name);

// Held until destroyed or until the process ends, however it ends.
class FileLock {
 public:
  // Code::Conflict, with the holder's pid, if another process holds it.
  static Result<FileLock> acquire(const std::string& path);

 private:
  explicit FileLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

}  // namespace weft::os
