// The name servers in a resolv.conf(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace weft::gateway {

struct NameServers {
  std::vector<net::Address> usable;  // in order, at most three, as the C library has it
  std::vector<std::string> useless;  // why, one line each
};

// Any text: what is no name server's line, or no address, is not an error of ours.
NameServers parse_resolv_conf(std::string_view text);

}  // namespace weft::gateway
