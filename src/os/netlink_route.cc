#include "os/netlink_route.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "os/netlink_message.h"

namespace weft::os {

using net::Family;
using net::Prefix;

namespace {

// The kernel takes no other scope for a route without a gateway; IPv6 has no scopes.
uint8_t scope_of(const Route& route) {
  const bool direct = route.kind == Route::Kind::Unicast && !route.via;
  return direct && route.to.family() == Family::V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

void put_route_message(Message& message, const Route& route) {
  auto& head = message.header<rtmsg>();
  head.rtm_family = family_number(route.to.family());
  head.rtm_dst_len = static_cast<uint8_t>(route.to.length());
  head.rtm_protocol = route.protocol;
  head.rtm_scope = scope_of(route);
  head.rtm_type = route.kind == Route::Kind::Unicast ? RTN_UNICAST : RTN_BLACKHOLE;
  head.rtm_flags = route.onlink ? RTNH_F_ONLINK : 0;
  // RTA_TABLE counts; the header's field has room for 255 only.
  message.put_u32(RTA_TABLE, route.table);
  message.put_address(RTA_DST, route.to.first());
  if (route.link != 0) message.put_u32(RTA_OIF, static_cast<uint32_t>(route.link));
  if (route.via) message.put_address(RTA_GATEWAY, *route.via);
  if (route.source) message.put_address(RTA_PREFSRC, *route.source);
  if (route.metric != 0) message.put_u32(RTA_PRIORITY, route.metric);
  if (route.mtu != 0) {
    message.nest(RTA_METRICS, [&] { message.put_u32(RTAX_MTU, route.mtu); });
  }
}

std::string text_of(const Route& route) {
  return fmt::format("route {}{} in table {}", route.to.text(), route.via ? " via " + route.via->text() : "",
                     route.table);
}

std::optional<Route> parse_route(const nlmsghdr& message) {
  const auto* head = header_of<rtmsg>(message);
  if (head == nullptr || message.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  if (head->rtm_family != AF_INET && head->rtm_family != AF_INET6) return std::nullopt;
  const bool blackhole = head->rtm_type == RTN_BLACKHOLE;
  if (!blackhole && head->rtm_type != RTN_UNICAST) return std::nullopt;
  const auto attributes = Attributes::after<rtmsg>(message);
  if (attributes.has(RTA_MULTIPATH)) return std::nullopt;
  const auto any = Prefix::any(head->rtm_family == AF_INET ? Family::V4 : Family::V6);
  return Route{.to = Prefix::of(attributes.address(RTA_DST).value_or(any.first()), head->rtm_dst_len),
               .kind = blackhole ? Route::Kind::Blackhole : Route::Kind::Unicast,
               // IPv6 shows a blackhole on the loopback.
               .link = blackhole ? 0 : static_cast<int>(attributes.u32(RTA_OIF).value_or(0)),
               .via = attributes.address(RTA_GATEWAY),
               .onlink = (head->rtm_flags & RTNH_F_ONLINK) != 0,
               .source = attributes.address(RTA_PREFSRC),
               .table = attributes.u32(RTA_TABLE).value_or(head->rtm_table),
               .metric = attributes.u32(RTA_PRIORITY).value_or(0),
               .mtu = attributes.nest(RTA_METRICS).u32(RTAX_MTU).value_or(0),
               .protocol = head->rtm_protocol};
}

Result<std::vector<Route>> read_family(Netlink& netlink, Family family, uint32_t table, int link) {
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  message.header<rtmsg>().rtm_family = family_number(family);
  message.put_u32(RTA_TABLE, table);
  if (link != 0) message.put_u32(RTA_OIF, static_cast<uint32_t>(link));
  // ENOENT: a table in which there never was a route.
  return read_rows<Route>(netlink, message.request(fmt::format("read routes of table {}", table), {ENOENT}),
                          parse_route);
}

template <class Row>
std::vector<Row> merged(std::vector<Row> left, const std::vector<Row>& right) {
  left.insert(left.end(), right.begin(), right.end());
  std::sort(left.begin(), left.end());
  return left;
}

std::string text_of(const Rule& rule) {
  return fmt::format("rule {}: from {} lookup {}", rule.priority, rule.from.text(), rule.table);
}

void put_rule_message(Message& message, const Rule& rule) {
  auto& head = message.header<fib_rule_hdr>();
  head.family = family_number(rule.from.family());
  head.src_len = static_cast<uint8_t>(rule.from.length());
  head.action = FR_ACT_TO_TBL;
  if (rule.from.length() != 0) message.put_address(FRA_SRC, rule.from.first());
  message.put_u32(FRA_TABLE, rule.table);
  message.put_u32(FRA_PRIORITY, rule.priority);
  message.put_u8(FRA_PROTOCOL, rule.protocol);
}

bool looks_only_at_source(const fib_rule_hdr& head, const Attributes& attributes) {
  constexpr std::array kOthers = {FRA_DST,       FRA_IIFNAME,  FRA_OIFNAME,     FRA_FWMARK,     FRA_TUN_ID,
                                  FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE};
  const bool others = std::any_of(kOthers.begin(), kOthers.end(), [&](auto type) { return attributes.has(type); });
  return !others && head.dst_len == 0 && head.tos == 0 && (head.flags & FIB_RULE_INVERT) == 0;
}

std::optional<Rule> parse_rule(const nlmsghdr& message) {
  const auto* head = header_of<fib_rule_hdr>(message);
  if (head == nullptr || message.nlmsg_type != RTM_NEWRULE || head->action != FR_ACT_TO_TBL) return std::nullopt;
  if (head->family != AF_INET && head->family != AF_INET6) return std::nullopt;
  const auto attributes = Attributes::after<fib_rule_hdr>(message);
  if (!looks_only_at_source(*head, attributes)) return std::nullopt;
  const auto any = Prefix::any(head->family == AF_INET ? Family::V4 : Family::V6);
  return Rule{.priority = attributes.u32(FRA_PRIORITY).value_or(0),
              .from = Prefix::of(attributes.address(FRA_SRC).value_or(any.first()), head->src_len),
              .table = attributes.u32(FRA_TABLE).value_or(head->table),
              .protocol = attributes.u8(FRA_PROTOCOL).value_or(0)};
}

}  // namespace

Request put_route(const Route& route, Create create) {
  Message message(RTM_NEWROUTE, NLM_F_CREATE | (create == Create::Replace ? NLM_F_REPLACE : NLM_F_EXCL));
  put_route_message(message, route);
  return message.request("add " + text_of(route));
}

Request remove_route(const Route& route) {
  Message message(RTM_DELROUTE, 0);
  put_route_message(message, route);
  return message.request("remove " + text_of(route), {ESRCH, ENODEV, ENOENT});
}

Result<std::vector<Route>> read_routes(Netlink& netlink, uint32_t table) { return read_routes(netlink, table, 0); }

Result<std::vector<Route>> read_routes(Netlink& netlink, uint32_t table, int link) {
  auto four = TRY(read_family(netlink, Family::V4, table, link));
  return merged(std::move(four), TRY(read_family(netlink, Family::V6, table, link)));
}

Result<std::optional<Way>> find_way(Netlink& netlink, const net::Address& to) {
  Message message(RTM_GETROUTE, 0);
  auto& head = message.header<rtmsg>();
  head.rtm_family = family_number(to.family());
  head.rtm_dst_len = static_cast<uint8_t>(Prefix::host(to).length());
  message.put_address(RTA_DST, to);
  const auto request = message.request("find the way to " + to.text(), {ENETUNREACH, EHOSTUNREACH, EACCES});
  std::optional<Way> way;
  TRY(netlink.ask(request, [&](const nlmsghdr& answer) {
    const auto* row = header_of<rtmsg>(answer);
    const bool leads = row != nullptr && answer.nlmsg_type == RTM_NEWROUTE &&
                       (row->rtm_type == RTN_UNICAST || row->rtm_type == RTN_LOCAL);
    if (!leads) return;
    const auto attributes = Attributes::after<rtmsg>(answer);
    way = Way{.link = static_cast<int>(attributes.u32(RTA_OIF).value_or(0)), .source = attributes.address(RTA_PREFSRC)};
  }));
  return way;
}

Request put_rule(const Rule& rule, Create create) {
  // Without NLM_F_EXCL the kernel would keep the same rule twice; the same
  // rule is all that there is to replace.
  Message message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  put_rule_message(message, rule);
  return message.request("add " + text_of(rule), {create == Create::Replace ? EEXIST : 0});
}

Request remove_rule(const Rule& rule) {
  Message message(RTM_DELRULE, 0);
  put_rule_message(message, rule);
  return message.request("remove " + text_of(rule), {ENOENT});
}

Result<std::vector<Rule>> read_rules(Netlink& netlink) {
  Message message(RTM_GETRULE, NLM_F_DUMP);
  message.header<fib_rule_hdr>();
  return read_rows<Rule>(netlink, message.request("read rules"), parse_rule);
}

}  // namespace weft::os
