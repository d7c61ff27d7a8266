// For tests: VPCs as they are when somebody has made them.
#pragma once

#include <utility>
#include <vector>

#include "model/border.h"

namespace weft::model {

// With its main table and an ACL that lets everything pass; where there is a gateway, with
// the routes to it. Ids come from the VPC's.
inline std::vector<Object> with_border(Vpc vpc) {
  uint64_t number = vpc.id.number() << 8;
  std::vector<Object> objects = begin_border(vpc, [&] { return ++number; });
  for (const net::Family family : {net::Family::V4, net::Family::V6}) {
    if (vpc.internet == Internet::None) continue;
    objects.emplace_back(Route{.id = RouteId::of(++number),
                               .table = vpc.main_table,
                               .destination = net::Prefix::any(family),
                               .target = Way::Internet});
  }
  objects.emplace_back(std::move(vpc));
  return objects;
}

inline std::vector<Object> operator+(std::vector<Object> some, std::vector<Object> more) {
  for (Object& object : more) some.push_back(std::move(object));
  return some;
}

}  // namespace weft::model
