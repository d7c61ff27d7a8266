#include <fcntl.h>

#include <cerrno>

#include "base/text.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/sysctl.h"

namespace weft::os {

using base::Code;

namespace {

constexpr size_t kLongestValue = 4096;

Result<std::string> path_of(std::string_view name) {
  if (!is_relative_path(name))
    return error(Code::Usage, "{} is not the name of a network setting", base::printable(name));
  return "/proc/sys/net/" + std::string(name);
}

}  // namespace

Result<> write_sysctl(const Fd& netns, std::string_view name, std::string_view value) {
  const std::string path = TRY(path_of(name));
  return inside_netns(netns, [&]() -> Result<> {
    const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid()) return base::errno_error("open " + path, errno);
    return write_all(file.get(), value).within(path);
  });
}

Result<std::string> read_sysctl(const Fd& netns, std::string_view name) {
  const std::string path = TRY(path_of(name));
  return inside_netns(
      netns, [&]() -> Result<std::string> { return std::string(base::trim(TRY(read_file(path, kLongestValue)))); });
}

}  // namespace weft::os
