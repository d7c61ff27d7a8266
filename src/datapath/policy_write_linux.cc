#include "datapath/policy_write_linux.h"

#include <arpa/inet.h>
#include <sched.h>

#include <chrono>
#include <cstring>

#include "base/check.h"
#include "datapath/generation.h"

namespace weft::datapath {

namespace {

constexpr std::chrono::seconds kLongestJudgement{2};
constexpr size_t kSteps = 3;  // of steps_of_change()

template <class Row, class Key, class Value, class Convert>
Result<> put_all(const Map<Key, Value>& map, const Row& rows, Convert convert) {
  std::vector<Key> keys;
  std::vector<Value> values;
  keys.reserve(rows.size());
  values.reserve(rows.size());
  for (const auto& row : rows) {
    auto [key, value] = convert(row);
    keys.push_back(key);
    values.push_back(value);
  }
  return map.put_many(keys, values);
}

template <class Row, class Key, class Value, class Convert>
Result<> remove_all(const Map<Key, Value>& map, const Row& rows, Convert convert) {
  for (const auto& row : rows) TRY_VOID(map.remove(convert(row)));
  return {};
}

}  // namespace

uint64_t deadline_of(const std::optional<base::WallTime>& until, const ClockPair& now) {
  if (!until) return ~0ull;
  const int64_t boot = (now.boot + (*until - now.wall)).ns;
  return boot <= 0 ? 0 : static_cast<uint64_t>(boot);
}

abi::address address_of(const net::Address& address) {
  abi::address out;
  std::memcpy(out.bytes, address.bytes().data(), sizeof out.bytes);
  return out;
}

abi::prefix_key key_of(const PrefixKey& key) {
  return {
      .prefix_length = 32 + key.prefix.mapped_length(), .table = key.table, .address = address_of(key.prefix.first())};
}

abi::cell_key key_of(const CellKey& key) {
  return {.prefix_length = 32 + key.length,
          .rule_class = key.rule_class,
          .protocol = key.protocol,
          .zero = 0,
          .selector = htons(key.selector)};
}

abi::identity_key key_of(const IdentityKey& key) { return {.table = key.table, .group = key.group}; }

abi::rule rule_of(const RuleRow& row, const ClockPair& now) {
  const bool keep = row.on_revoke == model::OnRevoke::Keep;
  return {.id = row.number,
          .deadline = deadline_of(row.until, now),
          .flags = keep ? uint32_t{abi::RULE_KEEP} : 0u,
          .zero = 0};
}

abi::route_key key_of(const RouteKey& key) {
  return {
      .prefix_length = 32 + key.prefix.mapped_length(), .table = key.table, .address = address_of(key.prefix.first())};
}

abi::acl_key key_of(const AclKey& key) {
  return {
      .acl = key.acl,
      .direction = key.direction == model::Direction::In ? uint32_t{abi::DIRECTION_IN} : uint32_t{abi::DIRECTION_OUT}};
}

abi::acl acl_of(const AclRows& rows) {
  abi::acl acl{};
  CHECK(rows.size() <= std::size(acl.rules));
  for (const model::AclRule& row : rows) {
    abi::acl_rule& rule = acl.rules[acl.count++];
    rule.id = row.id.number();
    rule.address = address_of(row.prefix.first());
    rule.first = row.traffic.first;
    rule.last = row.traffic.last;
    rule.length = static_cast<uint8_t>(row.prefix.mapped_length());
    rule.protocol = row.traffic.protocol.value_or(0);
    rule.flags = static_cast<uint8_t>((row.traffic.protocol ? 0 : abi::ACL_ANY_PROTOCOL) |
                                      (row.action == model::Action::Deny ? abi::ACL_DENY : 0));
  }
  return acl;
}

Result<> wait_for_generation(const Bpf& bpf, uint32_t generation) {
  const auto deadline = std::chrono::steady_clock::now() + kLongestJudgement;
  while (true) {
    bool old = false;
    for (const uint32_t mark : TRY(bpf.judging.get(0))) {
      old = old || (mark != 0 && static_cast<int32_t>(mark - generation) < 0);
    }
    if (!old) return {};
    if (std::chrono::steady_clock::now() > deadline) {
      return error(base::Code::TimedOut, "a packet is being judged by an old policy for over two seconds");
    }
    sched_yield();
  }
}

Result<uint32_t> write_policy(const Bpf& bpf, const PolicyPlan& plan, const BorderPlan& borders,
                              const std::vector<SetMove>& moves, const ClockPair& clocks) {
  const uint32_t generation = TRY(bpf.generation.get(0)) + 1;
  // Seen by nobody yet.
  TRY_VOID(put_all(bpf.rules, plan.rules,
                   [&](const auto& row) { return std::pair(row.first, rule_of(row.second, clocks)); }));
  TRY_VOID(put_all(bpf.choices, plan.choices, [](const auto& row) {
    return std::pair(row.first, abi::choice{.rule = row.second.rule, .next = row.second.next});
  }));
  TRY_VOID(put_all(bpf.cells, plan.cells, [](const auto& row) { return std::pair(key_of(row.first), row.second); }));
  TRY_VOID(put_all(bpf.acls, borders.acls,
                   [](const auto& row) { return std::pair(key_of(row.first), acl_of(row.second)); }));
  // Seen when the generation moves.
  TRY_VOID(put_all(bpf.routes, borders.routes, [&](const auto& row) {
    const abi::route_key key = key_of(row.key);
    return std::pair(key, abi::route{{row.before, row.after, generation}, key.prefix_length});
  }));
  TRY_VOID(put_all(bpf.prefixes, plan.prefixes, [&](const auto& row) {
    const abi::prefix_key key = key_of(row.key);
    return std::pair(key, abi::prefix{{row.before, row.after, generation}, key.prefix_length});
  }));
  TRY_VOID(put_all(bpf.identities, plan.identities, [&](const auto& row) {
    return std::pair(key_of(row.key), abi::versioned{row.before, row.after, generation});
  }));
  for (size_t step = 0; step < kSteps; ++step) {
    TRY_VOID(put_all(bpf.sets, plan.sets, [&](const auto& row) {
      const auto& [before, after] = row.second;
      return std::pair(row.first,
                       set_row(before, after, steps_of_change(before.version, after.version, generation)[step]));
    }));
    TRY_VOID(put_all(bpf.subnets, borders.subnets, [&](const auto& row) {
      const auto& [before, after] = row.second;
      return std::pair(row.first, abi::subnet{.id = after.id,
                                              .table = steps_of_change(before.table, after.table, generation)[step],
                                              .acl = steps_of_change(before.acl, after.acl, generation)[step]});
    }));
    TRY_VOID(put_all(bpf.borders, borders.vpcs, [&](const auto& row) {
      const auto& [before, after] = row.second;
      return std::pair(
          row.first,
          abi::border{.version = steps_of_change(before.version, after.version, generation)[step],
                      .gateway_table = steps_of_change(before.gateway_table, after.gateway_table, generation)[step]});
    }));
    for (const SetMove& move : moves) {
      abi::tni row = TRY(bpf.tnis.get(move.tni));
      row.set = steps_of_change(move.before, move.after, generation)[step];
      TRY_VOID(bpf.tnis.put(move.tni, row));
    }
  }
  TRY_VOID(bpf.generation.put(0, generation));
  TRY_VOID(wait_for_generation(bpf, generation));
  // Needed by nobody any more.
  TRY_VOID(remove_all(bpf.prefixes, plan.gone_prefixes, [](const PrefixKey& key) { return key_of(key); }));
  TRY_VOID(remove_all(bpf.identities, plan.gone_identities, [](const IdentityKey& key) { return key_of(key); }));
  TRY_VOID(remove_all(bpf.cells, plan.gone_cells, [](const CellKey& key) { return key_of(key); }));
  TRY_VOID(remove_all(bpf.routes, borders.gone_routes, [](const RouteKey& key) { return key_of(key); }));
  TRY_VOID(remove_all(bpf.acls, borders.gone_acls, [](const AclKey& key) { return key_of(key); }));
  for (const uint32_t slot : borders.gone_subnets) TRY_VOID(bpf.subnets.put(slot, {}));
  // The version stays: none that a flow may remember is given again (Datapath::adopt).
  for (const uint32_t slot : plan.gone_sets) {
    const abi::set gone = TRY(bpf.sets.get(slot));
    TRY_VOID(bpf.sets.put(slot, abi::set{.version = gone.version}));
  }
  for (const uint32_t slot : plan.gone_rules) TRY_VOID(bpf.rule_hits.clear(slot));
  return generation;
}

}  // namespace weft::datapath
