// Network ACLs: stateless, at a subnet's border. Each packet that crosses it is judged
// for itself, answers too, by numbered rules: the lowest that matches decides, and what
// none matches is denied.
#pragma once

#include <string>

#include "model/group.h"

namespace weft::model {

struct Acl {
  AclId id;
  std::string name;  // unique in the VPC
  VpcId vpc;
  bool operator==(const Acl&) const = default;
};

enum class Action { Allow, Deny };

struct AclRule {
  AclRuleId id;
  AclId acl;
  Direction direction = Direction::In;  // into the subnet, or out of it
  uint16_t number = 0;                  // 1 to kHighestAclNumber, once in a direction
  Action action = Action::Allow;
  Traffic traffic;
  net::Prefix prefix;  // of the other end: the source of what comes in, the target of what goes out
  bool operator==(const AclRule&) const = default;

  bool matches(const net::Address& peer, uint8_t protocol, uint16_t selector) const {
    return prefix.contains(peer) && traffic.matches(protocol, selector);
  }
};
inline constexpr uint16_t kHighestAclNumber = 32766;

template <class F>
void fields(F&& f, Acl& a) {
  f("id", a.id);
  f("name", a.name);
  f("vpc", a.vpc);
}
template <class F>
void fields(F&& f, AclRule& r) {
  f("id", r.id);
  f("acl", r.acl);
  f("direction", r.direction);
  f("number", r.number);
  f("action", r.action);
  f("traffic", r.traffic);
  f("prefix", r.prefix);
}

}  // namespace weft::model
