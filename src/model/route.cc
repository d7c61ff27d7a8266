#include "model/route.h"

namespace weft::model {

const net::Prefix& service_range(net::Family family) {
  static const net::Prefix kV4 = *net::Prefix::parse("169.254.168.0/22");
  static const net::Prefix kV6 = *net::Prefix::parse("fd00:ec2::/32");
  return family == net::Family::V4 ? kV4 : kV6;
}

}  // namespace weft::model
