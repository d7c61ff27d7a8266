#include <algorithm>

#include "datapath/datapath.h"
#include "datapath/generation.h"
#include "os/bpffs.h"
#include "os/file.h"
#include "os/netlink_link.h"
#include "os/netns.h"

namespace weft::datapath {

using base::Code;

namespace {

template <class T>
const T* object_as(const std::optional<model::Object>& object) {
  return object ? std::get_if<T>(&*object) : nullptr;
}

abi::range_key range_key_of(uint32_t vpc, const net::Prefix& range) {
  return {.prefix_length = 32 + range.mapped_length(), .vpc = vpc, .address = address_of(range.first())};
}

// Addresses of a subnet that the router and the resolver answer for.
std::vector<std::pair<net::Address, uint32_t>> services_of(const model::Subnet& subnet) {
  std::vector<std::pair<net::Address, uint32_t>> services;
  const auto add = [&](const net::Prefix& range) {
    services.emplace_back(model::router_of(range), abi::ENDPOINT_ROUTER);
    services.emplace_back(model::resolver_of(range), abi::ENDPOINT_RESOLVER);
  };
  add(subnet.cidr);
  if (subnet.cidr6) add(*subnet.cidr6);
  return services;
}

}  // namespace

Result<std::unique_ptr<Datapath>> Datapath::open(const Options& options) {
  Bpf bpf = TRY(Bpf::open({.pins = options.pins, .most_flows = options.most_flows}).within("data path"));
  std::unique_ptr<Datapath> datapath(new Datapath(options, std::move(bpf)));
  datapath->links_ = TRY(Links::open(options.names).within("data path"));
  datapath->monitor_ = TRY(os::Monitor::open_in(datapath->links_->own_netns()).within("data path"));
  datapath->insides_ = TRY(Insides::open().within("data path"));
  datapath->listen();
  TRY_VOID(datapath->adopt().within("data path: adopt what is there"));
  TRY_VOID(datapath->links_->judge_tnis_by(datapath->bpf_.from_tni()).within("data path"));
  return datapath;
}

Result<> Datapath::adopt() {
  generation_ = TRY(bpf_.generation.get(0));
  TRY_VOID(adopt_tnis());
  TRY_VOID(adopt_borders());
  for (const auto& [slot, row] : TRY(bpf_.vpcs.all())) {
    if (row.id == 0) continue;
    const model::VpcId vpc{"vpc-" + base::hex64(row.id)};
    vpc_slots_.adopt(vpc.text, slot);
    if (row.gateway == 0) continue;
    // It goes on carrying packets until somebody says that there is another.
    gateways_[vpc] = static_cast<int>(row.gateway);
    gateway_devices_.adopt(row.gateway, slot);
  }
  for (FoundLink& link : TRY(links_->read())) found_.insert_or_assign(link.tni, link);
  // Where the maps begin empty, a link still says which slot its TNI has.
  std::set<uint32_t> taken;
  for (const auto& [tni, slot] : tni_slots_.all()) taken.insert(slot);
  for (const auto& [tni, link] : found_) {
    const uint32_t slot = slot_of_index(link.index);
    if (!tni_slots_.find(tni) && slot > 0 && slot < options_.most_tnis && taken.insert(slot).second) {
      tni_slots_.adopt(tni, slot);
    }
  }
  for (std::string& name : TRY(os::list_netns(options_.names.netns_prefix()))) {
    if (options_.names.is_netns(name)) netns_.insert(std::move(name));
  }

  // The policy is compiled into slots that nothing uses yet; the old ones go when
  // every TNI has moved to its new set.
  Policy::UsedSlots used;
  Policy::Options fresh{.first_version = 1};
  for (const auto& [slot, row] : TRY(bpf_.sets.all())) {
    fresh.first_version = std::max(fresh.first_version, row.version.after + 1);  // also of sets that went
    if (row.groups[0] == 0) continue;
    used.sets.insert(slot);
    for (const uint32_t group : row.groups) used.groups.insert(group);
  }
  for (const auto& [key, row] : TRY(bpf_.identities.all())) used.groups.insert(key.group);
  used.groups.erase(0);
  for (const auto& [key, head] : TRY(bpf_.cells.all())) {
    used.classes.insert(key.rule_class);
    for (uint32_t at = head; at != 0 && used.choices.insert(at).second;) {
      const abi::choice choice = TRY(bpf_.choices.get(at));
      if (choice.rule != 0) used.rules.insert(choice.rule);
      at = choice.next;
    }
  }
  for (const auto& [slot, row] : TRY(bpf_.rules.all())) {
    if (row.id != 0 && !used.rules.contains(slot)) used.past_rules.insert(slot);
  }
  policy_ = Policy(fresh);
  policy_.avoid(used);
  return {};
}

// The generation of a row that isn't attached tells since when: who is away for
// longest gives up its slot first, as if weftd had been there all the time.
Result<> Datapath::adopt_tnis() {
  struct Idle {
    uint32_t age, slot;
    std::string tni;  // whose it is; empty: nobody's
  };
  std::vector<Idle> all_idle;
  for (const auto& [slot, row] : TRY(bpf_.tnis.all())) {
    if (row.id == 0 && row.set.generation == 0) continue;  // was never used
    const std::string tni = row.id == 0 ? std::string() : "tni-" + base::hex64(row.id);
    if (row.ifindex == 0) all_idle.push_back({generation_ - row.set.generation, slot, tni});
    if (tni.empty()) {
      tni_slots_.avoid(slot);
      continue;
    }
    tni_slots_.adopt(tni, slot);
    tnis_.adopt(slot, row);
    set_of_tni_[slot] = at_generation(row.set, generation_);
  }
  std::stable_sort(all_idle.begin(), all_idle.end(), [](const Idle& a, const Idle& b) { return a.age > b.age; });
  for (const Idle& idle : all_idle) {
    if (idle.tni.empty()) {
      tni_slots_.release(idle.slot);
    } else {
      tni_slots_.rest(idle.tni);
    }
  }
  return {};
}

// Tables and ACLs are compiled into slots that nothing uses yet, as the policy is.
Result<> Datapath::adopt_borders() {
  Borders::Found found;
  for (const auto& [slot, row] : TRY(bpf_.subnets.all())) {
    if (row.id == 0) continue;
    found.subnets[slot] = {
        .id = row.id, .table = at_generation(row.table, generation_), .acl = at_generation(row.acl, generation_)};
  }
  for (const auto& [slot, row] : TRY(bpf_.borders.all())) {
    if (row.version.after == 0) continue;
    found.vpcs[slot] = {.version = row.version.after, .gateway_table = at_generation(row.gateway_table, generation_)};
  }
  for (const auto& [key, row] : TRY(bpf_.routes.all())) found.tables.insert(key.table);
  for (const auto& [key, row] : TRY(bpf_.acls.all())) found.acls.insert(key.acl);
  borders_.adopt(found);
  return {};
}

Borders::Places Datapath::places() const {
  return {.vpc = [this](const model::VpcId& id) { return slot_of(id).value_or(0); },
          .tni = [this](const model::TniId& id) { return has_place(id) ? *slot_of(id) : 0; }};
}

void Datapath::attempt(const std::string& what, Result<> result) {
  if (result.ok()) {
    problems_.erase(what);
  } else {
    problems_[what] = result.error().what;
  }
}

uint32_t Datapath::vpc_slot(const model::VpcId& id) { return vpc_slots_.find(id.text).value_or(0); }

abi::endpoint_key Datapath::endpoint_key_of(const model::VpcId& vpc, const net::Address& address) {
  return {.vpc = vpc_slot(vpc), .address = address_of(address)};
}

Result<> Datapath::put_vpc(const model::State&, const model::Vpc& vpc) {
  const auto slot = vpc_slots_.take(vpc.id.text);
  if (!slot) return error(Code::Limit, "the data path holds {} VPCs at most", abi::MOST_VPCS - 1);
  const auto gateway = gateways_.find(vpc.id);
  TRY_VOID(vpcs_.put(*slot, {.id = vpc.id.number(),
                             .gateway = gateway == gateways_.end() ? 0 : static_cast<uint32_t>(gateway->second),
                             .internet = internet_of(vpc),
                             .version = version_of_ranges(vpc),
                             .zero = 0}));
  TRY_VOID(move_generation());
  for (const net::Prefix& range : ranges_of(vpc)) TRY_VOID(ranges_.put(range_key_of(*slot, range), *slot));
  for (const net::Family family : {net::Family::V4, net::Family::V6}) {
    TRY_VOID(endpoints_.put(endpoint_key_of(vpc.id, model::link_local_resolver(family)),
                            {.kind = abi::ENDPOINT_RESOLVER, .tni = 0}));
  }
  return {};
}

Result<> Datapath::drop_vpc(const model::Vpc& vpc) {
  const uint32_t slot = vpc_slot(vpc.id);
  if (slot == 0) return {};
  for (const net::Prefix& range : ranges_of(vpc)) TRY_VOID(ranges_.remove(range_key_of(slot, range)));
  for (const net::Family family : {net::Family::V4, net::Family::V6}) {
    TRY_VOID(endpoints_.remove(endpoint_key_of(vpc.id, model::link_local_resolver(family))));
  }
  if (const auto gateway = gateways_.find(vpc.id); gateway != gateways_.end()) {
    TRY_VOID(gateway_devices_.remove(static_cast<uint32_t>(gateway->second)));
    gateways_.erase(gateway);
  }
  TRY_VOID(vpcs_.clear(slot));
  TRY_VOID(move_generation());
  vpc_slots_.drop(vpc.id.text);
  vpc_slots_.release(slot);
  return {};
}

Result<> Datapath::put_subnet(const model::Subnet& subnet) {
  for (const auto& [address, kind] : services_of(subnet)) {
    TRY_VOID(endpoints_.put(endpoint_key_of(subnet.vpc, address), {.kind = kind, .tni = 0}));
  }
  return {};
}

Result<> Datapath::drop_subnet(const model::Subnet& subnet) {
  for (const auto& [address, kind] : services_of(subnet)) {
    TRY_VOID(endpoints_.remove(endpoint_key_of(subnet.vpc, address)));
  }
  return {};
}

bool Datapath::has_place(const model::TniId& id) const { return slot_of(id) && !tni_slots_.rests(id.text); }

// The row and the addresses of one that is attached here. The group set is written
// with the policy, unless there was none that anybody judged by.
Result<> Datapath::put_tni(const model::Tni& tni) {
  const bool known = slot_of(tni.id).has_value(), placed = has_place(tni.id);
  const auto slot = tni_slots_.take(tni.id.text);
  if (!slot) return error(Code::Limit, "the data path holds {} attached TNIs at most", options_.most_tnis - 1);
  if (!placed) set_of_tni_[*slot] = policy_.set_slot(tni.groups);
  if (!known) TRY_VOID(bpf_.tni_counters.clear(*slot));
  const auto held = held_.find(tni.id);
  const auto found = found_.find(tni.id.text);
  abi::tni row{};
  row.id = tni.id.number();
  row.vpc = static_cast<uint16_t>(vpc_slot(tni.vpc));
  row.subnet = static_cast<uint16_t>(borders_.take_subnet(tni.subnet));
  // A link of an earlier weftd carries packets until it is adopted or removed.
  const int ifindex = held != held_.end() ? held->second.ifindex : found != found_.end() ? found->second.index : 0;
  row.ifindex = static_cast<uint32_t>(ifindex);
  std::copy(tni.mac.bytes.begin(), tni.mac.bytes.end(), row.mac);
  row.flags = tni.source_check == model::SourceCheck::Off ? uint8_t{abi::TNI_SOURCE_CHECK_OFF} : uint8_t{0};
  row.timeout[abi::FLOW_TCP_OPENING] = tni.timeouts.tcp_opening;
  row.timeout[abi::FLOW_TCP_ESTABLISHED] = tni.timeouts.tcp_established;
  row.timeout[abi::FLOW_TCP_CLOSING] = tni.timeouts.tcp_closing;
  row.timeout[abi::FLOW_UDP_ONE_WAY] = tni.timeouts.udp_one_way;
  row.timeout[abi::FLOW_UDP_BOTH_WAYS] = tni.timeouts.udp_both_ways;
  row.timeout[abi::FLOW_OTHER] = tni.timeouts.other;
  row.salt = salt_of(tni);
  TRY_VOID(write_tni(*slot, row));
  for (const net::Address& address : tni.addresses()) {
    TRY_VOID(endpoints_.put(endpoint_key_of(tni.vpc, address), {.kind = abi::ENDPOINT_TNI, .tni = *slot}));
  }
  return {};
}

// One that isn't attached here: nobody has its addresses. It finds its slot and its
// counters when it comes again, unless others needed all slots meanwhile.
Result<> Datapath::rest_tni(const model::Tni& tni) {
  if (!has_place(tni.id)) return {};
  TRY_VOID(drop_endpoints(tni, nullptr));
  const uint32_t slot = *slot_of(tni.id);
  auto row = tnis_.find(slot);
  tni_slots_.rest(tni.id.text);
  if (!row || row->ifindex == 0) return {};
  row->ifindex = 0;
  return write_tni(slot, *row);
}

Result<> Datapath::drop_endpoints(const model::Tni& tni, const model::Tni* after) {
  const auto kept = after == nullptr ? std::vector<net::Address>() : after->addresses();
  for (const net::Address& address : tni.addresses()) {
    if (std::count(kept.begin(), kept.end(), address) > 0) continue;
    const auto key = endpoint_key_of(tni.vpc, address);
    const auto row = endpoints_.find(key);
    if (row && row->tni == slot_of(tni.id)) TRY_VOID(endpoints_.remove(key));
  }
  return {};
}

Result<> Datapath::drop_tni(const model::Tni& tni) {
  const auto slot = tni_slots_.find(tni.id.text);
  if (!slot) return {};
  TRY_VOID(drop_endpoints(tni, nullptr));
  return free_slot(tni.id.text, *slot);
}

Result<> Datapath::free_slot(const std::string& tni, uint32_t slot) {
  set_of_tni_[slot] = 0;
  TRY_VOID(write_tni(slot, {}));
  set_of_tni_.erase(slot);
  tni_slots_.drop(tni);
  tni_slots_.release(slot);
  return {};
}

Result<> Datapath::drop_interface(const model::TniId& id) {
  const auto held = held_.find(id);
  if (held == held_.end()) return {};
  const Interface interface = held->second.interface;
  const int ifindex = held->second.ifindex;
  let_go(id);
  if (const auto slot = slot_of(id)) {
    if (auto row = tnis_.find(*slot)) {
      row->ifindex = 0;
      TRY_VOID(write_tni(*slot, *row));
    }
  }
  return links_->remove(ifindex, interface);
}

Result<> Datapath::make_interface(const Interface& interface) {
  const auto slot = slot_of(interface.tni);
  if (!slot) return error(Code::Failed, "TNI {} has no slot in the data path", interface.tni.text);
  const auto found = found_.find(interface.tni.text);
  int ifindex = 0;
  if (found != found_.end() && found->second.fingerprint == interface.fingerprint() &&
      slot_of_index(found->second.index) == *slot) {
    ifindex = found->second.index;
    found_.erase(found);
  } else {
    if (found != found_.end()) {
      TRY_VOID(links_->remove(found->second.index, interface));
      found_.erase(found);
    }
    ifindex = TRY(links_->create(interface, *slot));
  }
  hold(interface, ifindex);
  auto row = tnis_.find(*slot);
  if (!row) return error(Code::Failed, "TNI {} has no row in the data path", interface.tni.text);
  row->ifindex = static_cast<uint32_t>(ifindex);
  return write_tni(*slot, *row);
}

// Its set stays: another one comes with the policy.
Result<> Datapath::write_tni(uint32_t slot, abi::tni row) {
  const uint32_t set = set_of_tni_[slot];
  row.set = {set, set, generation_};
  TRY_VOID(tnis_.put(slot, row));
  return move_generation();
}

// After rows that say how an end of a flow stands: flows look at them only when it
// has moved.
Result<> Datapath::move_generation() { return bpf_.generation.put(0, ++generation_); }

void Datapath::hold(const Interface& interface, int ifindex) {
  held_[interface.tni] = {
      .interface = interface, .ifindex = ifindex, .alias = interface.tni.text + " " + interface.fingerprint()};
  tni_of_device_[ifindex] = interface.tni;
  listen();
}

void Datapath::let_go(const model::TniId& id) {
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  tni_of_device_.erase(held->second.ifindex);
  meet_netns(id, held->second, -1);
  held_.erase(held);
  dirty_.erase(id);
  problems_.erase("interface " + id.text);
  listen();
}

void Datapath::listen() {
  const size_t links = held_.size() + links_->count_doomed();
  const auto around = links <= options_.most_heard ? os::Monitor::Around::Yes : os::Monitor::Around::No;
  if (around == around_) return;
  const auto set = monitor_->listen_around(around);
  attempt("notices", set);
  if (set.ok()) around_ = around;
}

// By which name notices tell of the namespace that the workload's end is in.
void Datapath::meet_netns(const model::TniId& id, Held& held, int netns) {
  if (held.peer_netns == netns) return;
  const auto before = tnis_of_netns_.find(held.peer_netns);
  if (before != tnis_of_netns_.end()) {
    before->second.erase(id);
    if (before->second.empty()) tnis_of_netns_.erase(before);
  }
  held.peer_netns = netns;
  if (netns >= 0) tnis_of_netns_[netns].insert(id);
}

void Datapath::sync_workload(const model::State& state, const model::WorkloadId& id) {
  const model::Workload* workload = state.find(id);
  const bool here =
      workload != nullptr && workload->machine == options_.self && workload->kind != model::WorkloadKind::Machine;
  const std::string name = options_.names.netns_of(id);
  if (here) {
    links_->keep_netns(name);
    netns_.insert(name);
    const auto kept = keep_namespace(state, id);
    attempt("namespace of " + id.text, kept.ok() ? Result<>() : Result<>(kept.error()));
    return;
  }
  problems_.erase("namespace of " + id.text);
  if (netns_.erase(name) == 0) return;
  insides_->forget(name);
  links_->drop_netns(name);
}

void Datapath::sync_interface(const model::State& state, const model::TniId& id) {
  const model::Tni* tni = state.find(id);
  const auto wanted = tni == nullptr ? std::nullopt : compile_interface(state, options_.self, options_.names, *tni);
  const auto held = held_.find(id);
  if (held != held_.end() && wanted && held->second.interface == *wanted) return;
  if (held != held_.end()) attempt(id.text, drop_interface(id));
  if (!wanted) return;
  // There may be room now.
  auto made = has_place(id) ? Result<>() : put_tni(*tni);
  if (made.ok()) made = make_interface(*wanted);
  attempt(id.text, std::move(made));
}

void Datapath::update(const model::State& state, const model::Changes& changes, const ClockPair& clocks) {
  // Interfaces that go, before what they stood on; those that come, at the end.
  std::set<model::TniId> touched;
  for (const model::Change& change : changes) {
    for (const auto* object : {&change.before, &change.after}) {
      if (const auto* tni = object_as<model::Tni>(*object)) touched.insert(tni->id);
      if (const auto* workload = object_as<model::Workload>(*object)) {
        const auto& tnis = state.tnis_of(workload->id);
        touched.insert(tnis.begin(), tnis.end());
      }
      if (const auto* subnet = object_as<model::Subnet>(*object)) {
        const auto& tnis = state.tnis_of(subnet->id);
        if (change.before && change.after) touched.insert(tnis.begin(), tnis.end());
      }
    }
  }
  std::set<model::TniId> here;
  for (const model::TniId& id : touched) {
    const model::Tni* tni = state.find(id);
    const auto wanted = tni == nullptr ? std::nullopt : compile_interface(state, options_.self, options_.names, *tni);
    const auto held = held_.find(id);
    if (held != held_.end() && (!wanted || held->second.interface != *wanted)) attempt(id.text, drop_interface(id));
    if (wanted) here.insert(id);
    if (tni != nullptr && !wanted) attempt(id.text, rest_tni(*tni));
  }

  const bool short_of_room = !policy_.problems().empty();
  const PolicyPlan plan = policy_.update(state, changes);
  for (const model::Change& change : changes) {
    if (const auto* vpc = object_as<model::Vpc>(change.after)) {
      if (const auto* before = object_as<model::Vpc>(change.before)) {
        for (const net::Prefix& range : ranges_of(*before)) {
          attempt(vpc->id.text, ranges_.remove(range_key_of(vpc_slot(vpc->id), range)));
        }
      }
      attempt(vpc->id.text, put_vpc(state, *vpc));
    }
  }
  for (const model::Change& change : changes) {
    if (const auto* before = object_as<model::Subnet>(change.before)) attempt(before->id.text, drop_subnet(*before));
    if (const auto* after = object_as<model::Subnet>(change.after)) attempt(after->id.text, put_subnet(*after));
    if (const auto* before = object_as<model::Tni>(change.before)) {
      const model::Tni* kept = here.contains(before->id) ? state.find(before->id) : nullptr;
      attempt(before->id.text, change.after ? drop_endpoints(*before, kept) : drop_tni(*before));
    }
  }
  // When nobody has the addresses any more that they come to have.
  for (const model::Change& change : changes) {
    const auto* after = object_as<model::Tni>(change.after);
    if (after != nullptr && here.contains(after->id)) attempt(after->id.text, put_tni(state.get(after->id)));
  }
  std::vector<SetMove> moves;
  const auto move = [&](const model::Tni& tni) {
    if (!has_place(tni.id)) return;
    const auto slot = slot_of(tni.id);
    const uint32_t set = policy_.set_slot(tni.groups);
    if (set_of_tni_[*slot] == set) return;
    moves.push_back({.tni = *slot, .before = set_of_tni_[*slot], .after = set});
    set_of_tni_[*slot] = set;
  };
  for (const model::TniId& id : touched) {
    if (const model::Tni* tni = state.find(id)) move(*tni);
  }
  // Sets that there was no room for before.
  if (short_of_room) {
    for (const auto& [id, tni] : state.all<model::Tni>()) move(tni);
  }
  const BorderPlan borders = borders_.update(state, changes, places());
  if (!plan.empty() || !borders.empty() || !moves.empty()) {
    attempt("policy", write_plan(plan, borders, moves, clocks));
  }
  for (const model::Change& change : changes) {
    const auto* gone = change.after ? nullptr : object_as<model::AclRule>(change.before);
    if (gone != nullptr) attempt(gone->id.text, bpf_.acl_hits.remove(gone->id.number()));
  }
  std::erase_if(problems_, [](const auto& problem) { return problem.first.starts_with("border "); });
  for (const auto& [what, why] : borders_.problems()) problems_["border " + what] = why;
  std::erase_if(problems_, [](const auto& problem) { return problem.first.starts_with("policy "); });
  for (const auto& [what, why] : policy_.problems()) problems_["policy " + what] = why;

  for (const model::Change& change : changes) {
    for (const auto* object : {&change.before, &change.after}) {
      if (const auto* workload = object_as<model::Workload>(*object)) sync_workload(state, workload->id);
    }
  }
  for (const model::TniId& id : touched) sync_interface(state, id);
  for (const model::Change& change : changes) {
    if (const auto* vpc = object_as<model::Vpc>(change.before); vpc != nullptr && !change.after) {
      attempt(vpc->id.text, drop_vpc(*vpc));
    }
  }
  if (phase_ == Phase::Adopting) {
    phase_ = Phase::Running;
    attempt("leftovers", remove_leftovers(state));
  }
}

Result<> Datapath::write_plan(const PolicyPlan& plan, const BorderPlan& borders, const std::vector<SetMove>& moves,
                              const ClockPair& clocks) {
  const auto written = write_policy(bpf_, plan, borders, moves, clocks);
  // It may have moved although something failed after that: it never moves back.
  generation_ = TRY(bpf_.generation.get(0));
  TRY(written);
  policy_.release(plan);
  borders_.release(borders);
  return {};
}

// After the first update: whatever of an earlier life nothing wants any more.
Result<> Datapath::remove_leftovers(const model::State& state) {
  for (const auto& [tni, link] : found_) {
    if (const auto slot = tni_slots_.find(tni)) {
      if (auto row = tnis_.find(*slot); row && row->ifindex == static_cast<uint32_t>(link.index)) {
        row->ifindex = 0;
        TRY_VOID(write_tni(*slot, *row));
      }
    }
    links_->remove(link.index);
  }
  found_.clear();
  for (const std::string& name : std::set<std::string>(netns_)) {
    const model::WorkloadId id{name.substr(options_.names.base().size() + 1)};
    if (state.find(id) != nullptr) continue;
    links_->drop_netns(name);
    netns_.erase(name);
  }
  for (const auto& [id, slot] : std::map(tni_slots_.all())) {
    if (state.find(model::TniId{id}) == nullptr) TRY_VOID(free_slot(id, slot));
  }
  for (const auto& [key, row] : TRY(bpf_.endpoints.all())) {
    if (!endpoints_.rows().contains(key)) TRY_VOID(bpf_.endpoints.remove(key));
  }
  for (const auto& [id, slot] : std::map(vpc_slots_.all())) {
    if (state.find(model::VpcId{id}) != nullptr) continue;
    TRY_VOID(bpf_.vpcs.put(slot, {}));
    vpc_slots_.drop(id);
    vpc_slots_.release(slot);
  }

  TRY_VOID(remove_stray_borders(state));
  const PolicyTables& tables = policy_.tables();
  PolicyPlan old;
  std::set<uint32_t> groups, classes, choices, rules;
  for (const auto& [key, row] : TRY(bpf_.prefixes.all())) {
    if (!tables.sets.contains((key.table & ~uint32_t{abi::TABLE_AUDIT}) / 2)) TRY_VOID(bpf_.prefixes.remove(key));
  }
  for (const auto& [key, row] : TRY(bpf_.identities.all())) {
    if (tables.identities.contains({key.table, key.group})) continue;
    TRY_VOID(bpf_.identities.remove(key));
    groups.insert(key.group);
  }
  for (const auto& [slot, row] : TRY(bpf_.sets.all())) {
    if (row.groups[0] == 0 || tables.sets.contains(slot)) continue;
    TRY_VOID(bpf_.sets.put(slot, {.version = row.version}));
    old.gone_sets.push_back(slot);
    for (const uint32_t group : row.groups) {
      if (group != 0) groups.insert(group);
    }
  }
  old.gone_groups.assign(groups.begin(), groups.end());
  std::set<uint32_t> wanted_classes;
  for (const auto& [key, head] : tables.cells) wanted_classes.insert(key.rule_class);
  for (const auto& [key, head] : TRY(bpf_.cells.all())) {
    if (wanted_classes.contains(key.rule_class)) continue;
    classes.insert(key.rule_class);
    for (uint32_t at = head; at != 0 && choices.insert(at).second;) {
      const abi::choice choice = TRY(bpf_.choices.get(at));
      if (choice.rule != 0 && !tables.rules.contains(choice.rule)) rules.insert(choice.rule);
      at = choice.next;
    }
    TRY_VOID(bpf_.cells.remove(key));
  }
  old.gone_classes.assign(classes.begin(), classes.end());
  old.gone_choices.assign(choices.begin(), choices.end());
  old.gone_rules.assign(rules.begin(), rules.end());
  policy_.release(old);
  return {};
}

Result<> Datapath::remove_stray_borders(const model::State& state) {
  BorderPlan old = borders_.leftovers(state);
  const BorderTables& tables = borders_.tables();
  std::set<uint32_t> table_slots, wanted_tables, acl_slots;
  for (const auto& [key, to] : tables.routes) wanted_tables.insert(key.table);
  for (const auto& [key, row] : TRY(bpf_.routes.all())) {
    if (wanted_tables.contains(key.table)) continue;
    TRY_VOID(bpf_.routes.remove(key));
    table_slots.insert(key.table);
  }
  for (const auto& [key, row] : TRY(bpf_.acls.all())) {
    const auto direction = key.direction == abi::DIRECTION_IN ? model::Direction::In : model::Direction::Out;
    if (tables.acls.contains({key.acl, direction})) continue;
    TRY_VOID(bpf_.acls.remove(key));
    acl_slots.insert(key.acl);
  }
  for (const uint32_t slot : old.gone_subnets) TRY_VOID(bpf_.subnets.put(slot, {}));
  old.gone_tables.assign(table_slots.begin(), table_slots.end());
  old.gone_acl_slots.assign(acl_slots.begin(), acl_slots.end());
  borders_.release(old);
  return {};
}

Result<> Datapath::set_gateway(const model::VpcId& vpc, int ifindex) {
  const uint32_t slot = vpc_slot(vpc);
  if (slot == 0) return error(Code::NotFound, "no such VPC {}", vpc.text);
  const auto had = gateways_.find(vpc);
  if (had != gateways_.end() && had->second != ifindex) {
    TRY_VOID(gateway_devices_.remove(static_cast<uint32_t>(had->second)));
  }
  if (ifindex == 0) {
    gateways_.erase(vpc);
  } else {
    gateways_[vpc] = ifindex;
    TRY_VOID(gateway_devices_.put(static_cast<uint32_t>(ifindex), slot));
    TRY_VOID(links_->judge_gateway_by(ifindex, bpf_.from_gateway()));
  }
  auto row = vpcs_.find(slot);
  if (!row) return error(Code::NotFound, "VPC {} has no row in the data path", vpc.text);
  row->gateway = static_cast<uint32_t>(ifindex);
  return vpcs_.put(slot, *row);
}

Result<> Datapath::know_machine(const std::set<net::Address>& addresses) {
  std::set<abi::address, ByBytes<abi::address>> wanted;
  for (const net::Address& address : addresses) wanted.insert(address_of(address));
  std::vector<abi::address> gone;
  for (const auto& [address, row] : machine_.rows()) {
    if (!wanted.contains(address)) gone.push_back(address);
  }
  for (const abi::address& address : gone) TRY_VOID(machine_.remove(address));
  for (const abi::address& address : wanted) {
    if (!machine_.find(address)) TRY_VOID(machine_.put(address, 1));
  }
  return {};
}

std::set<model::VpcId> Datapath::vpcs_here() const {
  std::set<model::VpcId> vpcs;
  for (const auto& [id, slot] : vpc_slots_.all()) {
    for (const auto& [tni, held] : held_) {
      const auto row = tnis_.find(*slot_of(tni));
      if (row && row->vpc == slot) vpcs.insert(model::VpcId{id});
    }
  }
  return vpcs;
}

Result<> Datapath::reset_deadlines(const ClockPair& clocks) {
  for (const auto& [slot, row] : policy_.tables().rules) {
    if (!row.until) continue;
    abi::rule rule = TRY(bpf_.rules.get(slot));
    rule.deadline = deadline_of(row.until, clocks);
    TRY_VOID(bpf_.rules.put(slot, rule));
  }
  return {};
}

std::optional<uint32_t> Datapath::slot_of_rule(uint64_t number) const {
  for (const auto& [slot, row] : policy_.tables().rules) {
    if (row.number == number) return slot;
  }
  return std::nullopt;
}

Result<abi::counters> Datapath::counters_of(const model::TniId& id) const {
  abi::counters sum{};
  const auto slot = slot_of(id);
  if (!slot) return sum;
  for (const abi::counters& one : TRY(bpf_.tni_counters.get(*slot))) {
    sum.sent_packets += one.sent_packets;
    sum.sent_bytes += one.sent_bytes;
    sum.received_packets += one.received_packets;
    sum.received_bytes += one.received_bytes;
    sum.drops += one.drops;
  }
  return sum;
}

Result<uint64_t> Datapath::hits_of(const model::RuleId& id) const {
  const auto slot = slot_of_rule(id.number());
  uint64_t sum = 0;
  if (!slot) return sum;
  for (const uint64_t one : TRY(bpf_.rule_hits.get(*slot))) sum += one;
  return sum;
}

Result<uint64_t> Datapath::hits_of(const model::AclRuleId& id) const {
  return TRY(bpf_.acl_hits.find(id.number())).value_or(0);
}

Result<> Datapath::remove_all(const Options& options) {
  for (const std::string& name : TRY(os::list_netns(options.names.netns_prefix()))) {
    if (options.names.is_netns(name)) TRY_VOID(os::remove_netns(name));
  }
  if (auto own = TRY(os::find_netns(options.names.own_netns()))) {
    os::Netlink netlink = TRY(os::Netlink::open());
    if (const auto device = TRY(os::find_link(netlink, options.names.machine_device()))) {
      TRY_VOID(netlink.apply({os::remove_link(device->index)}));
    }
    TRY_VOID(os::remove_netns(options.names.own_netns()));
  }
  const auto pins = TRY(os::list_directory(options.pins));
  for (const std::string& name : pins) TRY_VOID(os::remove_file(options.pins + "/" + name));
  return {};
}

}  // namespace weft::datapath
