#include "gateway/ports.h"

#include <algorithm>

#include "base/text.h"

namespace weft::gateway {

std::string PortRange::text() const { return fmt::format("{}-{}", first, last); }

Result<PortRange> PortRange::parse(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = static_cast<uint16_t>(TRY(base::parse_number(text.substr(0, dash), 0, 65535)));
  if (dash == std::string_view::npos) return PortRange{first, first};
  const auto last = static_cast<uint16_t>(TRY(base::parse_number(text.substr(dash + 1), first, 65535)));
  return PortRange{first, last};
}

Result<PortSet> PortSet::parse(std::string_view text) {
  PortSet set;
  if (base::trim(text).empty()) return set;
  for (const auto part : base::split(base::trim(text), ',')) set.add(TRY(PortRange::parse(part)));
  return set;
}

std::string PortSet::text() const {
  std::string text;
  for (const PortRange& range : ranges_) {
    if (!text.empty()) text += ',';
    text += range.first == range.last ? std::to_string(range.first) : range.text();
  }
  return text;
}

void PortSet::add(const PortRange& range) {
  PortRange whole = range;
  std::erase_if(ranges_, [&](const PortRange& other) {
    const bool near =
        uint32_t{other.first} <= uint32_t{whole.last} + 1 && uint32_t{whole.first} <= uint32_t{other.last} + 1;
    if (near) whole = {std::min(whole.first, other.first), std::max(whole.last, other.last)};
    return near;
  });
  ranges_.insert(std::upper_bound(ranges_.begin(), ranges_.end(), whole), whole);
}

void PortSet::remove(const PortRange& range) {
  std::vector<PortRange> left;
  for (const PortRange& own : ranges_) {
    if (own.last < range.first || range.last < own.first) {
      left.push_back(own);
      continue;
    }
    if (own.first < range.first) left.push_back({own.first, static_cast<uint16_t>(range.first - 1)});
    if (range.last < own.last) left.push_back({static_cast<uint16_t>(range.last + 1), own.last});
  }
  ranges_ = std::move(left);
}

PortSet PortSet::with(const PortSet& other) const {
  PortSet sum = *this;
  for (const PortRange& range : other.ranges_) sum.add(range);
  return sum;
}

PortSet PortSet::without(const PortSet& other) const {
  PortSet rest = *this;
  for (const PortRange& range : other.ranges_) rest.remove(range);
  return rest;
}

bool PortSet::contains(uint16_t port) const { return overlaps({port, port}); }

bool PortSet::overlaps(const PortRange& range) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const PortRange& own) { return own.first <= range.last && range.first <= own.last; });
}

}  // namespace weft::gateway
