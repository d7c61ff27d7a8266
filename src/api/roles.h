// Who on this machine has which role.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <vector>

#include "api/caller.h"
#include "base/result.h"

namespace weft::api {

// Of the process at the other end of a Unix socket, when it connected.
struct Credentials {
  uid_t user = 0;
  std::vector<gid_t> groups;  // all of them
};
Result<Credentials> credentials_of(int socket);

// Root and the members of `admins` are admins; others have the highest role that
// they or one of their groups is given here, or none.
struct Roles {
  std::optional<gid_t> admins;
  std::map<uid_t, Role> users;
  std::map<gid_t, Role> groups;

  Role role_of(const Credentials& credentials) const;
};

}  // namespace weft::api
