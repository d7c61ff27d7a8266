#include "api/roles.h"

#include <algorithm>

#include "base/check.h"

namespace weft::api {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::None: return "none";
    case Role::Viewer: return "viewer";
    case Role::Operator: return "operator";
    case Role::Admin: return "admin";
  }
  CHECK(false);
}

std::optional<Role> role_named(std::string_view name) {
  for (const Role role : {Role::None, Role::Viewer, Role::Operator, Role::Admin}) {
    if (name_of(role) == name) return role;
  }
  return std::nullopt;
}

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
