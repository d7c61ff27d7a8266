#include "gateway/facts.h"

#include <algorithm>

namespace weft::gateway {

using net::Address;
using net::Family;

namespace {

template <class Rows, class Matches>
auto* find_row(const Rows& rows, Matches&& matches) {
  const auto found = std::find_if(rows.begin(), rows.end(), matches);
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

const MachineFacts::Link* MachineFacts::find_link(int index) const {
  return find_row(links, [&](const Link& link) { return link.index == index; });
}

const MachineFacts::Link* MachineFacts::find_holder(const Address& address) const {
  return find_row(
      links, [&](const Link& link) { return std::count(link.addresses.begin(), link.addresses.end(), address) > 0; });
}

const MachineFacts::DefaultRoute* MachineFacts::find_way_out(Family family) const {
  return find_row(defaults, [&](const DefaultRoute& route) { return route.family == family; });
}

std::optional<Address> MachineFacts::shared_address(Family family) const {
  const DefaultRoute* way = find_way_out(family);
  if (way == nullptr) return std::nullopt;
  if (way->source) return way->source;
  const Link* link = find_link(way->link);
  if (link == nullptr) return std::nullopt;
  const Address* first = find_row(link->addresses, [&](const Address& address) { return address.family() == family; });
  return first == nullptr ? std::nullopt : std::optional(*first);
}

}  // namespace weft::gateway
