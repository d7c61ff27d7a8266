#include "shim/user.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "os/file.h"

namespace weft::shim {

using base::Code;

namespace {

constexpr size_t kMostFileBytes = size_t{8} << 20;
constexpr uint64_t kMostId = UINT32_MAX - 1;  // the last means "leave as it is" to setuid(2)
constexpr size_t kMostGroups = 1024;

// name:password:uid:gid:gecos:home:shell
struct Account {
  std::string_view name;
  uid_t uid;
  gid_t gid;
  std::string_view home;
};

std::optional<uint32_t> id_of(std::string_view text) {
  const auto number = base::parse_number(text, 0, kMostId);
  if (!number.ok()) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

std::optional<Account> parse_account(std::string_view line) {
  const auto fields = base::split(line, ':');
  if (fields.size() != 7) return std::nullopt;
  const auto uid = id_of(fields[2]);
  const auto gid = id_of(fields[3]);
  if (!uid || !gid) return std::nullopt;
  return Account{fields[0], *uid, *gid, fields[5]};
}

template <class Wanted>
std::optional<Account> find_account(std::string_view passwd, Wanted wanted) {
  for (const auto line : base::split(passwd, '\n')) {
    const auto account = parse_account(line);
    if (account && wanted(*account)) return account;
  }
  return std::nullopt;
}

// name:password:gid:member,member
std::vector<gid_t> groups_of(std::string_view name, std::string_view group) {
  std::vector<gid_t> groups;
  for (const auto line : base::split(group, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() != 4) continue;
    const auto gid = id_of(fields[2]);
    const auto members = base::split(fields[3], ',');
    const bool is_member = std::find(members.begin(), members.end(), name) != members.end();
    if (gid && is_member && groups.size() < kMostGroups) groups.push_back(*gid);
  }
  return groups;
}

Identity identity_of(const Account& account, std::string_view group) {
  const std::string_view home = account.home.empty() ? "/" : account.home;
  return {account.uid, account.gid, groups_of(account.name, group), std::string(home)};
}

Identity identity_of_number(uid_t uid, std::string_view passwd, std::string_view group) {
  const auto account = find_account(passwd, [&](const Account& a) { return a.uid == uid; });
  if (!account) return {.uid = uid, .gid = uid, .groups = {}};
  return identity_of(*account, group);
}

}  // namespace

Result<Identity> find_user(std::string_view user, std::string_view passwd, std::string_view group) {
  if (user.empty()) return identity_of_number(0, passwd, group);
  const size_t colon = user.find(':');
  const auto uid = id_of(user.substr(0, colon));
  if (colon != std::string_view::npos) {
    const auto gid = id_of(user.substr(colon + 1));
    if (!uid || !gid) return error(Code::Usage, "{} is not uid:gid", base::printable(user)).in_field("user");
    Identity identity = identity_of_number(*uid, passwd, group);
    identity.gid = *gid;
    identity.groups.clear();
    return identity;
  }
  const auto account = find_account(passwd, [&](const Account& a) { return a.name == user; });
  if (account) return identity_of(*account, group);
  if (uid) return identity_of_number(*uid, passwd, group);
  return error(Code::Usage, "no user {} in /etc/passwd", base::printable(user)).in_field("user");
}

Result<Identity> find_user(std::string_view user) {
  const auto passwd = TRY(os::find_file("/etc/passwd", kMostFileBytes));
  const auto group = TRY(os::find_file("/etc/group", kMostFileBytes));
  return find_user(user, passwd.value_or(""), group.value_or(""));
}

}  // namespace weft::shim
