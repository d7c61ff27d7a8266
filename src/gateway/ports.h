// Ranges of ports, as net.ipv4.ip_local_reserved_ports writes them: "53,8000-8100".
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::gateway {

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;  // included

  uint32_t size() const { return uint32_t{last} - first + 1; }
  bool contains(uint16_t port) const { return first <= port && port <= last; }
  std::string text() const;  // "8000-8100"
  static Result<PortRange> parse(std::string_view text);
  auto operator<=>(const PortRange&) const = default;
};

// A set of ports, kept as sorted ranges that neither touch nor overlap.
class PortSet {
 public:
  PortSet() = default;
  PortSet(std::initializer_list<PortRange> ranges) {
    for (const PortRange& range : ranges) add(range);
  }
  static Result<PortSet> parse(std::string_view text);  // empty text: no ports
  std::string text() const;

  void add(const PortRange& range);
  void remove(const PortRange& range);
  PortSet with(const PortSet& other) const;
  PortSet without(const PortSet& other) const;
  bool contains(uint16_t port) const;
  bool overlaps(const PortRange& range) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<PortRange>& ranges() const { return ranges_; }
  bool operator==(const PortSet&) const = default;

 private:
  std::vector<PortRange> ranges_;
};

}  // namespace weft::gateway
