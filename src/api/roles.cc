#include "api/roles.h"

#include <algorithm>

namespace weft::api {

Role Roles::role_of(const Credentials& credentials) const {
  if (credentials.user == 0) return Role::Admin;
  Role highest = Role::None;
  if (const auto found = users.find(credentials.user); found != users.end()) highest = found->second;
  for (const gid_t group : credentials.groups) {
    if (admins == group) return Role::Admin;
    if (const auto found = groups.find(group); found != groups.end()) highest = std::max(highest, found->second);
  }
  return highest;
}

}  // namespace weft::api
