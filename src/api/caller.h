// Who calls, and what they may do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weft::api {

// The numbers of weft.v1.Access. Each role may do what the ones before it may.
enum class Role { None = 0, Viewer = 1, Operator = 2, Admin = 3 };

std::string_view name_of(Role role);
std::optional<Role> role_named(std::string_view name);

struct Caller {
  Role role = Role::None;
  std::string actor;  // for the record: "uid:1000"
};

}  // namespace weft::api
