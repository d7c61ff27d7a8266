// Network settings of a namespace. Prefer netlink where it can do the same:
// writes below /proc/sys get slow with thousands of namespaces.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// `name` is the path below /proc/sys/net: "ipv4/ip_forward",
// "ipv6/conf/eth0/accept_ra". Slashes, since a device's name may have dots.
Result<> write_sysctl(const Fd& netns, std::string_view name, std::string_view value);
Result<std::string> read_sysctl(const Fd& netns, std::string_view name);

}  // namespace weft::os
