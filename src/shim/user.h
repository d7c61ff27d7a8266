// Who a command runs as, by the machine's /etc/passwd and /etc/group. (The shim
// is linked statically and so can't ask NSS: users of a directory service are
// given by number.)
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::shim {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
  std::string home = "/";
  bool operator==(const Identity&) const = default;
};

// "name"; "uid", whose group is that of its passwd entry, or the same number
// without one; "uid:gid", with no further group. Empty: root.
Result<Identity> find_user(std::string_view user, std::string_view passwd, std::string_view group);

// The same with the machine's files.
Result<Identity> find_user(std::string_view user);

}  // namespace weft::shim
