// What of the machine's own was changed for the gateways, so that it can be undone
// by whoever comes later. A text file that ends with the machine's uptime:
//
//   reserved 8080,61056-62079
//   hooks 2
//   guard 5f0c9a31e2d47b68 8d2f10c7a5b3e946
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/ports.h"

namespace weft::gateway {

struct Traces {
  PortSet reserved;     // that we added to the kernel's list
  std::set<int> hooks;  // links that had no hooks before
  // What we set, and how the kernel showed it then.
  struct Guard {
    uint64_t rules = 0, shown = 0;
    bool operator==(const Guard&) const = default;
  };
  std::optional<Guard> guard;

  static Result<Traces> parse(std::string_view text);
  std::string text() const;
  static Result<Traces> read(const std::string& path);  // no file: no traces
  Result<> write(const std::string& path) const;
  bool operator==(const Traces&) const = default;
};

}  // namespace weft::gateway
