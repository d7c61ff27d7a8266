#include "gateway/ruleset.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fingerprint.h"
#include "model/group.h"

namespace weft::gateway {

using net::Address;
using net::Family;
using net::Prefix;
using nlohmann::json;

namespace {

constexpr const char* kTable = "weft";
constexpr const char* kLinkLocal[] = {"169.254.0.0/16", "127.0.0.0/8", "0.0.0.0/8", "224.0.0.0/3"};
constexpr const char* kLinkLocal6[] = {"fe80::/10", "fd00:ec2::/32", "ff00::/8"};
constexpr uint16_t kDns = 53;

const char* ip(Family family) { return family == Family::V4 ? "ip" : "ip6"; }
const char* name_of_protocol(uint8_t protocol) { return protocol == model::kTcp ? "tcp" : "udp"; }

json value(const Prefix& prefix) { return {{"prefix", {{"addr", prefix.first().text()}, {"len", prefix.length()}}}}; }
json value(const Address& address) { return address.text(); }

template <class Values>
json set_of(const Values& values) {
  json all = json::array();
  for (const auto& one : values) all.push_back(one);
  return {{"set", all}};
}
template <class T>
json set_in(const std::vector<T>& values, Family family) {
  json all = json::array();
  for (const auto& one : values) {
    if (one.family() == family) all.push_back(value(one));
  }
  return {{"set", all}};
}
template <class T>
bool any_in(const std::vector<T>& values, Family family) {
  return std::any_of(values.begin(), values.end(), [&](const T& one) { return one.family() == family; });
}

json match(json left, json right, const char* op = "==") {
  return {{"match", {{"op", op}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}
json meta(const char* key) { return {{"meta", {{"key", key}}}}; }
json field(const char* protocol, const char* name) { return {{"payload", {{"protocol", protocol}, {"field", name}}}}; }
json from(const char* device) { return match(meta("iifname"), device); }
json to(const char* device) { return match(meta("oifname"), device); }
json source(Family family, json values) { return match(field(ip(family), "saddr"), std::move(values)); }
json target(Family family, json values) { return match(field(ip(family), "daddr"), std::move(values)); }
json protocols(std::initializer_list<const char*> names) { return match(meta("l4proto"), set_of(names)); }
json dns() { return match(field("th", "dport"), kDns); }
// The first packet got another target in `enter`.
json translated() { return match({{"ct", {{"key", "status"}}}}, "dnat", "in"); }
json state(std::initializer_list<const char*> names) { return match({{"ct", {{"key", "state"}}}}, json(names), "in"); }
json accept() { return {{"accept", nullptr}}; }
json drop() { return {{"drop", nullptr}}; }
json reset() { return {{"reject", {{"type", "tcp reset"}}}}; }
json prohibit() { return {{"reject", {{"type", "icmpx"}, {"expr", "admin-prohibited"}}}}; }
json dnat(const Address& target, std::optional<uint16_t> port) {
  json body = {{"family", ip(target.family())}, {"addr", target.text()}};
  if (port) body["port"] = *port;
  return {{"dnat", std::move(body)}};
}
json snat(const Address& source, const std::optional<PortRange>& ports) {
  json body = {{"family", ip(source.family())}, {"addr", source.text()}};
  if (ports) body["port"] = {{"range", {ports->first, ports->last}}};
  return {{"snat", std::move(body)}};
}

class Transaction {
 public:
  explicit Transaction(std::string table) : table_(std::move(table)) {
    // Added first, so that the deletion finds one.
    add("table", {{"name", table_}});
    commands_.push_back({{"delete", {{"table", {{"family", "inet"}, {"name", table_}}}}}});
  }
  void table() { add("table", {{"name", table_}}); }
  void chain(const char* name, const char* type, const char* hook, int priority, const char* policy) {
    add("chain",
        {{"table", table_}, {"name", name}, {"type", type}, {"hook", hook}, {"prio", priority}, {"policy", policy}});
  }
  void rule(const char* chain, std::initializer_list<json> expressions) {
    add("rule", {{"table", table_}, {"chain", chain}, {"expr", json(json::array_t(expressions))}});
  }
  void set(const char* name, const char* type, json elements) {
    json body = {{"table", table_}, {"name", name}, {"type", type}};
    if (!elements.empty()) body["elem"] = std::move(elements);
    add("set", std::move(body));
  }
  std::string text() const { return json{{"nftables", commands_}}.dump(); }

 private:
  void add(const char* kind, json body) {
    body["family"] = "inet";
    commands_.push_back({{"add", {{kind, std::move(body)}}}});
  }
  std::string table_;
  json commands_ = json::array();
};

void add_enter(const Ruleset& rules, Transaction& out) {
  out.chain("enter", "nat", "prerouting", -100, "accept");
  for (const auto& resolver : rules.resolvers) {
    const Family family = resolver.answers.family();
    out.rule("enter", {from("in"), target(family, set_in(resolver.asked, family)), protocols({"tcp", "udp"}), dns(),
                       dnat(resolver.answers, std::nullopt)});
  }
  for (const Published& published : rules.published) {
    const char* protocol = name_of_protocol(published.protocol);
    const auto goes = dnat(published.target, published.target_port);
    const json at = published.address ? value(*published.address)
                                      : json(published.family == Family::V4 ? "@machine4" : "@machine6");
    out.rule("enter", {target(published.family, at), match(field(protocol, "dport"), published.port), goes});
    if (published.inside_port == 0) continue;
    out.rule("enter", {from("out"), target(published.family, set_in(rules.own, published.family)),
                       match(field(protocol, "dport"), published.inside_port), goes});
  }
}

void add_pass(const Ruleset& rules, Transaction& out) {
  out.chain("pass", "filter", "forward", 0, "drop");
  out.rule("pass", {state({"invalid"}), drop()});
  out.rule("pass", {state({"established", "related"}), accept()});
  out.rule("pass", {translated(), accept()});
  if (rules.shared && rules.ports) {
    json never = json::array();
    for (const char* range : kLinkLocal) never.push_back(value(*Prefix::parse(range)));
    out.rule("pass",
             {from("in"), to("out"), match(field("ip", "daddr"), {{"set", never}}, "!="),
              source(Family::V4, set_in(rules.ranges, Family::V4)), protocols({"tcp", "udp", "icmp"}), accept()});
  }
  if (rules.routed) {
    json never = json::array();
    for (const char* range : kLinkLocal6) never.push_back(value(*Prefix::parse(range)));
    const json inside = set_in(rules.inside, Family::V6);
    for (const json& range : inside["set"]) never.push_back(range);
    out.rule("pass", {from("in"), to("out"), match(field("ip6", "daddr"), {{"set", never}}, "!="),
                      source(Family::V6, value(*rules.routed)), accept()});
    out.rule("pass", {from("out"), to("in"), target(Family::V6, value(*rules.routed)), accept()});
  }
  // Whoever sends what doesn't pass is told at once.
  out.rule("pass", {from("in"), protocols({"tcp"}), reset()});
  out.rule("pass", {from("in"), prohibit()});
}

void add_leave(const Ruleset& rules, Transaction& out) {
  out.chain("leave", "nat", "postrouting", 100, "accept");
  for (const auto& subnet : rules.subnets) {
    const Family family = subnet.range.family();
    json callers = set_in(rules.ranges, family);
    const json inside = set_in(rules.inside, family);
    for (const json& one : inside["set"]) callers["set"].push_back(one);
    out.rule("leave", {to("in"), target(family, value(subnet.range)), source(family, std::move(callers)),
                       snat(subnet.router, std::nullopt)});
  }
  if (!rules.ports) return;
  for (const auto& resolver : rules.resolvers) {
    const Family family = resolver.answers.family();
    out.rule("leave", {to("out"), translated(), target(family, value(resolver.answers)), protocols({"tcp", "udp"}),
                       dns(), snat(resolver.source, rules.ports)});
  }
  if (!rules.shared) return;
  out.rule("leave", {to("out"), source(Family::V4, set_in(rules.ranges, Family::V4)), protocols({"tcp", "udp", "icmp"}),
                     snat(*rules.shared, rules.ports)});
}

}  // namespace

std::string Ruleset::nft() const {
  Transaction out(kTable);
  out.table();
  out.set("machine4", "ipv4_addr", set_in(machine, Family::V4)["set"]);
  out.set("machine6", "ipv6_addr", set_in(machine, Family::V6)["set"]);
  add_enter(*this, out);
  add_pass(*this, out);
  add_leave(*this, out);
  // The gateway itself answers nobody.
  out.chain("own", "filter", "input", 0, "drop");
  return out.text();
}

uint64_t Ruleset::fingerprint() const { return base::fingerprint_of(nft()); }

std::string Guard::nft() const {
  Transaction out(table);
  out.table();
  // Where only what is for the machine itself passes, before what others drop or log.
  out.chain(kChain, "filter", "input", -300, "accept");
  for (const std::string& device : devices) out.rule(kChain, {from(device.c_str()), accept()});
  for (const Family family : {Family::V4, Family::V6}) {
    if (any_in(addresses, family)) out.rule(kChain, {target(family, set_in(addresses, family)), drop()});
  }
  return out.text();
}

uint64_t Guard::fingerprint() const { return base::fingerprint_of(nft()); }

std::string nft_without(const std::string& table) { return Transaction(table).text(); }

}  // namespace weft::gateway
