#include "model/vpc.h"

#include <algorithm>

namespace weft::model {

bool is_reserved(const net::Prefix& subnet, const net::Address& address) {
  return address < subnet.first().plus(kReservedLow) || address == subnet.last();
}

std::vector<net::Prefix> ranges_of(const Vpc& vpc) {
  std::vector<net::Prefix> ranges = vpc.cidrs;
  if (vpc.cidr6) ranges.push_back(*vpc.cidr6);
  return ranges;
}

bool is_in_ranges(const Vpc& vpc, const net::Address& address) {
  const auto inside = [&](const net::Prefix& range) { return range.contains(address); };
  return std::any_of(vpc.cidrs.begin(), vpc.cidrs.end(), inside) || (vpc.cidr6 && inside(*vpc.cidr6));
}

net::Address link_local_resolver(net::Family family) {
  return *net::Address::parse(family == net::Family::V4 ? "169.254.169.253" : "fd00:ec2::253");
}

bool leads_out(const Vpc& vpc, net::Family family) {
  static const net::Prefix kPrivate6 = *net::Prefix::parse("fc00::/7");  // RFC 4193
  if (family == net::Family::V4) return vpc.internet == Internet::Attached;
  if (vpc.internet == Internet::None && vpc.egress_only == Internet::None) return false;
  return vpc.cidr6 && !kPrivate6.contains(*vpc.cidr6);
}

}  // namespace weft::model
