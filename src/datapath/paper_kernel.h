// For tests: the kernel's programs and maps, filled as the data path fills them, but
// with devices that exist on paper only: packets are judged without being carried.
// The process must be isolated (os/isolated.h).
#pragma once

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datapath/bpf_linux.h"
#include "datapath/interface.h"
#include "datapath/links_linux.h"
#include "datapath/policy_evaluate.h"
#include "datapath/policy_write_linux.h"
#include "model/flow_judge.h"
#include "os/bpffs.h"

namespace weft::datapath {

class PaperKernel {
 public:
  static constexpr char kBpffs[] = "/run/bpf";
  static constexpr char kPins[] = "/run/bpf/weft";

  static Result<std::unique_ptr<PaperKernel>> open(uint32_t most_flows, const std::set<net::Address>& machine = {},
                                                   uint32_t most_tnis = abi::MOST_TNIS) {
    TRY_VOID(os::mount_bpffs(kBpffs));
    Bpf bpf = TRY(Bpf::open({.pins = kPins, .most_flows = most_flows}));
    std::unique_ptr<PaperKernel> kernel(new PaperKernel(std::move(bpf), most_tnis));
    TRY_VOID(stop_sweep());
    for (const net::Address& address : machine) TRY_VOID(kernel->bpf_.machine.put(address_of(address), 1));
    return kernel;
  }
  static Result<> close() { return os::unmount_bpffs(kBpffs); }

  Result<> apply(const model::State& state, const model::Changes& changes, base::WallTime now) {
    const PolicyPlan plan = policy_.update(state, changes);
    for (const model::Change& change : changes) TRY_VOID(drop_before(change));
    for (const model::Change& change : changes) TRY_VOID(put_after(state, change));
    std::vector<SetMove> moves;
    for (const model::Change& change : changes) {
      const auto* tni = object_as<model::Tni>(change.after);
      if (tni == nullptr || state.find(tni->id) == nullptr || state.get(tni->id).workload.empty()) continue;
      const uint32_t slot = slot_of(tni->id), set = policy_.set_slot(tni->groups);
      if (set_of_tni_[slot] == set) continue;
      moves.push_back({.tni = slot, .before = set_of_tni_[slot], .after = set});
      set_of_tni_[slot] = set;
    }
    const BorderPlan borders =
        borders_.update(state, changes,
                        {.vpc = [this](const model::VpcId& id) { return slot_of(id); },
                         .tni = [this](const model::TniId& id) { return away_.contains(id.text) ? 0 : slot_of(id); }});
    const uint32_t generation = TRY(write_policy(bpf_, plan, borders, moves, {now, {now.ns}}));
    borders_.release(borders);
    image_.prepare(plan, generation, [] {});
    image_.clean(plan, [] {});
    policy_.release(plan);
    generation_ = generation;
    return {};
  }

  Result<> sweep(base::WallTime now) {
    abi::probe probe{};
    probe.packet.now = static_cast<uint64_t>(now.ns);
    TRY_VOID(run("sweep_probe", bpf_.sweep_probe(), probe));
    for (const uint32_t slot : std::exchange(free_tnis_, {})) tni_slots_.release(slot);
    for (const std::string& tni : away_) tni_slots_.rest(tni);
    for (const uint32_t slot : std::exchange(free_vpcs_, {})) vpc_slots_.release(slot);
    return {};
  }

  Result<model::Verdict> judge(base::WallTime now, const model::Packet& packet) {
    abi::probe probe{.packet = packet_of(now, packet), .judgement = {}};
    TRY_VOID(run("judge_probe", bpf_.judge_probe(), probe));
    model::Verdict verdict{.reason = static_cast<model::Reason>(probe.judgement.reason)};
    if (verdict.reason == model::Reason::AclDenied) {
      if (probe.judgement.rule != 0) verdict.acl_rule = model::AclRuleId::of(probe.judgement.rule);
    } else if (probe.judgement.rule != 0) {
      verdict.rule = model::RuleId::of(probe.judgement.rule);
    }
    verdict.target = tni_in(probe.judgement.target);
    verdict.denier = tni_in(probe.judgement.denier);
    return verdict;
  }

  Result<uint32_t> flows() const { return TRY(bpf_.common.get(0)).flows; }
  // Whether one more TNI may be attached before the next sweep.
  bool has_room() const { return tni_slots_.has_room(); }
  // How often a TNI got the slot of one that is still there, but attached to nothing.
  uint64_t slots_taken_over() const { return slots_taken_over_; }

  const Bpf& bpf() const { return bpf_; }
  const PolicyTables& tables() const { return policy_.tables(); }
  uint32_t slot_of(const model::TniId& id) const { return tni_slots_.find(id.text).value_or(0); }
  uint32_t slot_of(const model::VpcId& id) const { return vpc_slots_.find(id.text).value_or(0); }

  // The rules as the compiled tables have them.
  model::RuleOf compiled_rules(base::WallTime now) const {
    return [this, now](const model::Tni& tni, model::Direction direction, const net::Address& peer_address,
                       const model::Tni* peer, uint8_t protocol, uint16_t selector) {
      const uint64_t number = image_.first_rule({.set = policy_.set_slot(tni.groups),
                                                 .direction = direction,
                                                 .peer = peer_address,
                                                 .peer_set = peer == nullptr ? 0 : policy_.set_slot(peer->groups),
                                                 .protocol = protocol,
                                                 .selector = selector},
                                                generation_, now);
      return number == 0 ? model::RuleId{} : model::RuleId::of(number);
    };
  }

 private:
  PaperKernel(Bpf bpf, uint32_t most_tnis) : bpf_(std::move(bpf)), tni_slots_(most_tnis) {}

  // The test alone says when the flow table is swept.
  static Result<> stop_sweep() {
    const os::Fd map(bpf_obj_get((std::string(kPins) + "/sweeper").c_str()));
    const uint32_t zero = 0;
    const std::array<char, 24> nothing{};
    if (!map.valid() || bpf_map_update_elem(map.get(), &zero, nothing.data(), BPF_ANY) != 0) {
      return base::errno_error("stop the sweep", errno);
    }
    return {};
  }

  static uint16_t network_order(uint16_t value) { return static_cast<uint16_t>(value << 8 | value >> 8); }
  template <class T>
  static const T* object_as(const std::optional<model::Object>& object) {
    return object ? std::get_if<T>(&*object) : nullptr;
  }

  static Result<> run(const char* name, int program, abi::probe& probe) {
    std::array<char, 16 + sizeof(abi::probe)> in{}, out{};
    std::memcpy(&in[16], &probe, sizeof probe);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_out = out.data(), .data_size_in = in.size(),
                .data_size_out = out.size(), .repeat = 1);
    if (bpf_prog_test_run_opts(program, &options) != 0) return base::errno_error(name, errno);
    if (options.retval != 0) return error(base::Code::Failed, "{} answered {}", name, options.retval);
    std::memcpy(&probe, &out[16], sizeof probe);
    return {};
  }

  model::TniId tni_in(uint32_t slot) const {
    const auto found = tni_of_slot_.find(slot);
    return found == tni_of_slot_.end() ? model::TniId{} : found->second;
  }
  abi::endpoint_key endpoint_key(const model::VpcId& vpc, const net::Address& address) const {
    return {.vpc = slot_of(vpc), .address = address_of(address)};
  }

  abi::packet packet_of(base::WallTime now, const model::Packet& packet) const {
    abi::packet out{};
    out.now = static_cast<uint64_t>(now.ns);
    out.tni = packet.sender.empty() ? 0 : slot_of(packet.sender);
    out.vpc = slot_of(packet.vpc);
    out.source = address_of(packet.source.address);
    out.target = address_of(packet.target.address);
    out.source_port = network_order(packet.source.port);
    out.target_port = network_order(packet.target.port);
    out.selector = network_order(packet.selector);
    out.protocol = packet.protocol;
    out.tcp_flags = static_cast<uint8_t>((packet.tcp.fin ? 1 : 0) | (packet.tcp.syn ? 2 : 0) |
                                         (packet.tcp.rst ? 4 : 0) | (packet.tcp.ack ? 16 : 0));
    out.length = 100;
    switch (packet.icmp) {
      case model::IcmpKind::None: break;
      case model::IcmpKind::Other: out.flags |= abi::PACKET_ICMP_OTHER; break;
      case model::IcmpKind::Request: out.flags |= abi::PACKET_ECHO_REQUEST; break;
      case model::IcmpKind::Reply: out.flags |= abi::PACKET_ECHO_REPLY; break;
    }
    if (packet.inner) {
      out.flags |= abi::PACKET_ICMP_ERROR;
      if (packet.inner->icmp == model::IcmpKind::Request) out.flags |= abi::PACKET_INNER_REQUEST;
      if (packet.inner->icmp == model::IcmpKind::Reply) out.flags |= abi::PACKET_INNER_REPLY;
      out.inner_protocol = packet.inner->protocol;
      out.inner_target = address_of(packet.inner->target.address);
      out.inner_source_port = network_order(packet.inner->source_port);
      out.inner_target_port = network_order(packet.inner->target.port);
    }
    return out;
  }

  Result<> drop_before(const model::Change& change) {
    if (const auto* vpc = object_as<model::Vpc>(change.before)) {
      for (const net::Prefix& range : ranges_of(*vpc)) {
        TRY_VOID(bpf_.ranges.remove(range_key(slot_of(vpc->id), range)));
      }
    }
    if (const auto* subnet = object_as<model::Subnet>(change.before)) {
      for (const auto& [address, kind] : services_of(*subnet)) {
        TRY_VOID(bpf_.endpoints.remove(endpoint_key(subnet->vpc, address)));
      }
    }
    if (const auto* tni = object_as<model::Tni>(change.before)) {
      for (const net::Address& address : tni->addresses()) {
        TRY_VOID(bpf_.endpoints.remove(endpoint_key(tni->vpc, address)));
      }
    }
    return {};
  }

  Result<> put_after(const model::State& state, const model::Change& change) {
    if (const auto* vpc = object_as<model::Vpc>(change.before); vpc && !change.after) {
      const uint32_t slot = slot_of(vpc->id);
      for (const net::Family family : {net::Family::V4, net::Family::V6}) {
        TRY_VOID(bpf_.endpoints.remove(endpoint_key(vpc->id, model::link_local_resolver(family))));
      }
      TRY_VOID(bpf_.vpcs.put(slot, {}));
      vpc_slots_.drop(vpc->id.text);
      free_vpcs_.push_back(slot);
    }
    if (const auto* vpc = object_as<model::Vpc>(change.after)) TRY_VOID(put_vpc(*vpc));
    if (const auto* subnet = object_as<model::Subnet>(change.after)) {
      if (state.find(subnet->id) == nullptr) return {};
      for (const auto& [address, kind] : services_of(*subnet)) {
        TRY_VOID(bpf_.endpoints.put(endpoint_key(subnet->vpc, address), {.kind = kind, .tni = 0}));
      }
    }
    const auto* tni = object_as<model::Tni>(change.after);
    if (tni != nullptr && state.find(tni->id) != nullptr) {
      const model::Tni& now = state.get(tni->id);
      return now.workload.empty() ? rest_tni(now) : put_tni(now);
    }
    if (const auto* gone = object_as<model::Tni>(change.before); gone && !change.after && slot_of(gone->id) != 0) {
      const uint32_t slot = slot_of(gone->id);
      TRY_VOID(bpf_.tnis.put(slot, {}));
      tni_slots_.drop(gone->id.text);
      tni_of_slot_.erase(slot);
      set_of_tni_.erase(slot);
      away_.erase(gone->id.text);
      free_tnis_.push_back(slot);
    }
    return {};
  }

  Result<> put_vpc(const model::Vpc& vpc) {
    const uint32_t slot = *vpc_slots_.take(vpc.id.text);
    TRY_VOID(bpf_.vpcs.put(slot, {.id = vpc.id.number(),
                                  .gateway = 5,
                                  .internet = internet_of(vpc),
                                  .version = version_of_ranges(vpc),
                                  .zero = 0}));
    for (const net::Prefix& range : ranges_of(vpc)) TRY_VOID(bpf_.ranges.put(range_key(slot, range), slot));
    for (const net::Family family : {net::Family::V4, net::Family::V6}) {
      TRY_VOID(bpf_.endpoints.put(endpoint_key(vpc.id, model::link_local_resolver(family)),
                                  {.kind = abi::ENDPOINT_RESOLVER, .tni = 0}));
    }
    return {};
  }

  Result<> rest_tni(const model::Tni& tni) {
    const uint32_t slot = slot_of(tni.id);
    if (slot == 0) return {};
    away_.insert(tni.id.text);
    abi::tni row = TRY(bpf_.tnis.get(slot));
    row.ifindex = 0;
    return bpf_.tnis.put(slot, row);
  }

  Result<> put_tni(const model::Tni& tni) {
    const bool known = slot_of(tni.id) != 0, was_away = away_.erase(tni.id.text) > 0;
    const auto taken = tni_slots_.take(tni.id.text);
    if (!taken) return error(base::Code::Limit, "no slot for {}", tni.id.text);
    const uint32_t slot = *taken;
    if (!known && tni_of_slot_.contains(slot)) ++slots_taken_over_;
    tni_of_slot_[slot] = tni.id;
    if (!known || was_away) set_of_tni_[slot] = policy_.set_slot(tni.groups);
    abi::tni row{};
    row.id = tni.id.number();
    row.vpc = static_cast<uint16_t>(slot_of(tni.vpc));
    row.subnet = static_cast<uint16_t>(borders_.take_subnet(tni.subnet));
    row.ifindex = static_cast<uint32_t>(index_of_slot(slot, kFirstTurn));
    row.set = {set_of_tni_[slot], set_of_tni_[slot], generation_};
    row.flags = tni.source_check == model::SourceCheck::Off ? uint8_t{abi::TNI_SOURCE_CHECK_OFF} : uint8_t{0};
    row.salt = salt_of(tni);
    std::copy(tni.mac.bytes.begin(), tni.mac.bytes.end(), row.mac);
    const model::FlowTimeouts& timeouts = tni.timeouts;
    row.timeout[abi::FLOW_TCP_OPENING] = timeouts.tcp_opening;
    row.timeout[abi::FLOW_TCP_ESTABLISHED] = timeouts.tcp_established;
    row.timeout[abi::FLOW_TCP_CLOSING] = timeouts.tcp_closing;
    row.timeout[abi::FLOW_UDP_ONE_WAY] = timeouts.udp_one_way;
    row.timeout[abi::FLOW_UDP_BOTH_WAYS] = timeouts.udp_both_ways;
    row.timeout[abi::FLOW_OTHER] = timeouts.other;
    TRY_VOID(bpf_.tnis.put(slot, row));
    for (const net::Address& address : tni.addresses()) {
      TRY_VOID(bpf_.endpoints.put(endpoint_key(tni.vpc, address), {.kind = abi::ENDPOINT_TNI, .tni = slot}));
    }
    return {};
  }

  static abi::range_key range_key(uint32_t vpc, const net::Prefix& range) {
    return {.prefix_length = 32 + range.mapped_length(), .vpc = vpc, .address = address_of(range.first())};
  }
  static std::vector<std::pair<net::Address, uint32_t>> services_of(const model::Subnet& subnet) {
    std::vector<net::Prefix> ranges{subnet.cidr};
    if (subnet.cidr6) ranges.push_back(*subnet.cidr6);
    std::vector<std::pair<net::Address, uint32_t>> services;
    for (const net::Prefix& range : ranges) {
      services.emplace_back(model::router_of(range), abi::ENDPOINT_ROUTER);
      services.emplace_back(model::resolver_of(range), abi::ENDPOINT_RESOLVER);
    }
    return services;
  }

  Bpf bpf_;
  Policy policy_{{}};
  Borders borders_;
  PolicyImage image_;
  uint32_t generation_ = 1;
  Slots<std::string> tni_slots_, vpc_slots_{abi::MOST_VPCS};
  std::map<uint32_t, model::TniId> tni_of_slot_;
  std::map<uint32_t, uint32_t> set_of_tni_;
  // A slot counts flows until they are swept: it serves nobody else before.
  std::vector<uint32_t> free_tnis_, free_vpcs_;
  std::set<std::string> away_;  // TNIs that were attached
  uint64_t slots_taken_over_ = 0;
};

}  // namespace weft::datapath
