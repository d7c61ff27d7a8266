#include "gateway/traces.h"
#include "os/file.h"

namespace weft::gateway {

namespace {

constexpr size_t kLongest = 1 << 20;  // every second port reserved makes half of it

}  // namespace

Result<Traces> Traces::read(const std::string& path) {
  const auto text = TRY(os::find_file(path, kLongest));
  return text ? parse(*text).within(path) : Result<Traces>(Traces());
}

Result<> Traces::write(const std::string& path) const {
  return os::write_file_atomic(path, text(), 0600, os::Durability::Cached);
}

}  // namespace weft::gateway
