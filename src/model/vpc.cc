#include "model/vpc.h"

namespace weft::model {

bool is_reserved(const net::Prefix& subnet, const net::Address& address) {
  return address < subnet.first().plus(kReservedLow) || address == subnet.last();
}

net::Address link_local_resolver(net::Family family) {
  return *net::Address::parse(family == net::Family::V4 ? "169.254.169.253" : "fd00:ec2::253");
}

}  // namespace weft::model
