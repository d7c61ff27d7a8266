// Drift: what somebody took away or changed is found and put back. A round looks at
// everything, a slice in each turn; a notice of the kernel makes one thing be looked
// at out of turn.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "datapath/datapath.h"
#include "datapath/generation.h"
#include "os/netlink_link.h"
#include "os/netlink_tc.h"
#include "os/netns.h"

namespace weft::datapath {

using base::Code;

namespace {

// Of one turn: some milliseconds each.
constexpr size_t kWorkloadsPerTurn = 16;
constexpr size_t kUnheardPerTurn = 64;  // 5,000 in twenty seconds
constexpr size_t kOutOfTurn = 32;       // interfaces
constexpr size_t kRowsPerTurn = 2048;
// Deadlines are derived from two clocks, of which one is slewed.
constexpr base::Duration kSlewed = std::chrono::milliseconds(100);
constexpr base::Duration kSet = std::chrono::seconds(10);
// Who leaves it in peace for so long is trusted again.
constexpr base::Duration kForgiven = std::chrono::seconds(60);

Fit fit_rule(const abi::rule& found, const abi::rule& wanted) {
  if (found.id != wanted.id || found.flags != wanted.flags) return Fit::Wrong;
  if (found.deadline == wanted.deadline) return Fit::Same;
  if (found.deadline == ~0ull || wanted.deadline == ~0ull) return Fit::Wrong;
  const uint64_t apart = std::max(found.deadline, wanted.deadline) - std::min(found.deadline, wanted.deadline);
  if (apart > static_cast<uint64_t>(kSet.count())) return Fit::Wrong;
  return apart > static_cast<uint64_t>(kSlewed.count()) ? Fit::Stale : Fit::Same;
}

// What everybody reads at the generation.
Fit fit_versioned(const abi::versioned& found, const abi::versioned& wanted) {
  const bool settled = static_cast<int32_t>(wanted.generation - found.generation) >= 0;
  return settled && found.after == wanted.after ? Fit::Same : Fit::Wrong;
}

template <class Key>  // abi::prefix_key, abi::route_key
net::Prefix prefix_of(const Key& key) {
  std::array<uint8_t, 16> bytes;
  std::copy(std::begin(key.address.bytes), std::end(key.address.bytes), bytes.begin());
  const net::Address address = net::Address::v6(bytes);
  const unsigned length = key.prefix_length - 32;
  // ::/0 and ::ffff:0:0/96 begin alike: only the latter is IPv4's.
  if (address.is_v4() && length >= 96) return net::Prefix::of(address, length - 96);
  return net::Prefix::of(address, length);
}

}  // namespace

Datapath::Repairs Datapath::heal(const model::State& state, const ClockPair& clocks) {
  Repairs repairs = look(state, clocks);
  if (phase_ == Phase::Adopting) return repairs;
  // There may be room now.
  if (!round_ && !policy_.problems().empty()) update(state, {}, clocks);
  if (!round_) begin_round(repairs);
  attempt("generation", keep_generation(repairs));
  go_on_with_workloads(state, repairs);
  go_on_with_maps(repairs);
  if (round_->workloads == Round::Workloads::Over && round_->maps.empty()) round_.reset();
  return repairs;
}

Datapath::Repairs Datapath::look_again(const model::State& state, const ClockPair& clocks) {
  return look(state, clocks);
}

Datapath::Repairs Datapath::look(const model::State& state, const ClockPair& clocks) {
  Repairs repairs;
  clocks_ = clocks;
  take_notices();
  if (phase_ == Phase::Adopting) return repairs;
  if (judge_notices_ == Notices::Some) attempt("judge", keep_judge(repairs));
  std::erase_if(patience_, [&](const auto& entry) { return clocks.boot - entry.second.last > kForgiven; });
  const std::set<model::TniId> dirty = dirty_;
  size_t left = kOutOfTurn;
  for (const model::TniId& id : dirty) {
    if (left == 0) break;
    const auto patience = patience_.find(id);
    if (patience != patience_.end() && clocks.boot < patience->second.until) continue;
    look_at(state, id, repairs);
    --left;
  }
  return repairs;
}

std::optional<base::BootTime> Datapath::next_look() const {
  std::optional<base::BootTime> next;
  for (const model::TniId& id : dirty_) {
    const auto patience = patience_.find(id);
    if (patience == patience_.end()) return base::BootTime{};
    if (!next || patience->second.until < *next) next = patience->second.until;
  }
  return next;
}

void Datapath::take_notices() {
  const auto changes = monitor_->drain();
  if (!changes.ok() || changes->notices == os::Changes::Notices::Lost) {
    for (const auto& [id, held] : held_) dirty_.insert(id);
    gateway_notices_ = judge_notices_ = Notices::Some;
    return;
  }
  for (const int device : changes->devices) {
    if (device == os::kBlockOfLinks) judge_notices_ = Notices::Some;
    const auto tni = tni_of_device_.find(device);
    const auto held = tni == tni_of_device_.end() ? held_.end() : held_.find(tni->second);
    // Notices of one that was just made are our own doing: its turn comes.
    if (held != held_.end() && held->second.peer_netns >= 0) dirty_.insert(held->first);
    if (is_gateway(device)) gateway_notices_ = Notices::Some;
  }
  for (const int netns : changes->others) {
    const auto tnis = tnis_of_netns_.find(netns);
    if (tnis != tnis_of_netns_.end()) dirty_.insert(tnis->second.begin(), tnis->second.end());
    if (gateway_netns_.contains(netns)) gateway_notices_ = Notices::Some;
  }
}

void Datapath::begin_round(Repairs& repairs) {
  round_ = Round();
  listen();
  attempt("data path", keep_own_name(repairs));
  attempt("pins", keep_pins(repairs));
  attempt("judge", keep_judge(repairs));
  attempt("gateways", keep_gateways(repairs));
  round_->maps = passes_over_maps();
  std::reverse(round_->maps.begin(), round_->maps.end());
}

bool Datapath::is_gateway(int device) const {
  return std::any_of(gateways_.begin(), gateways_.end(), [&](const auto& entry) { return entry.second == device; });
}

Result<> Datapath::keep_own_name(Repairs& repairs) {
  const std::string name = options_.names.own_netns();
  if (TRY(os::find_netns(name))) return {};
  TRY_VOID(os::name_netns(links_->own_netns(), name));
  repairs.push_back({"", "the name of namespace " + name});
  return {};
}

Result<> Datapath::keep_pins(Repairs& repairs) {
  for (const std::string& name : TRY(bpf_.restore_pins())) repairs.push_back({"", "the pin of map " + name});
  return {};
}

// Read by every packet: a wrong one makes all that is versioned wrong.
Result<> Datapath::keep_generation(Repairs& repairs) {
  if (TRY(bpf_.generation.get(0)) == generation_) return {};
  TRY_VOID(bpf_.generation.put(0, generation_));
  repairs.push_back({"", "the generation of the policy"});
  return {};
}

Result<> Datapath::keep_gateways(Repairs& repairs) {
  gateway_netns_.clear();
  for (const auto& [vpc, ifindex] : gateways_) {
    // One that is gone is made anew by whoever makes gateways.
    const auto link = TRY(os::find_link(links_->own(), ifindex));
    if (!link || link->kind != "veth") continue;
    gateway_netns_.insert(link->peer_netns);
    if (TRY(keep_gateway_program(ifindex))) {
      repairs.push_back({vpc.text, "the program at the gateway's device"});
    }
  }
  return {};
}

void Datapath::go_on_with_workloads(const model::State& state, Repairs& repairs) {
  const auto& workloads = state.all<model::Workload>();
  auto entry = round_->at ? workloads.upper_bound(*round_->at) : workloads.begin();
  size_t left = around_ == os::Monitor::Around::Yes ? kWorkloadsPerTurn : kUnheardPerTurn;
  for (; entry != workloads.end() && left > 0; ++entry) {
    round_->at = entry->first;
    if (entry->second.machine != options_.self) continue;
    look_at(state, entry->second, repairs);
    --left;
  }
  if (entry == workloads.end()) round_->workloads = Round::Workloads::Over;
}

void Datapath::look_at(const model::State& state, const model::Workload& workload, Repairs& repairs) {
  const std::string name = options_.names.netns_of(workload.id);
  if (workload.kind != model::WorkloadKind::Machine) {
    const auto named = keep_namespace(state, workload.id);
    attempt("namespace of " + workload.id.text, named.ok() ? Result<>() : Result<>(named.error()));
    if (named.ok() && *named != Insides::Name::Named) repairs.push_back({workload.id.text, "namespace " + name});
  }
  for (const model::TniId& id : std::set(state.tnis_of(workload.id))) {
    const auto patience = patience_.find(id);
    if (patience == patience_.end() || clocks_.boot >= patience->second.until) look_at(state, id, repairs);
  }
}

Result<Insides::Name> Datapath::keep_namespace(const model::State& state, const model::WorkloadId& id) {
  const std::string name = options_.names.netns_of(id);
  const Insides::Name kept = TRY(insides_->keep_name(name));
  if (kept != Insides::Name::Lost) return kept;
  // It lost its name while no weftd was there to hold it. Where a link still leads,
  // there it is.
  for (const model::TniId& tni : state.tnis_of(id)) {
    const auto held = held_.find(tni);
    const auto found = found_.find(tni.text);
    if (held == held_.end() && found == found_.end()) continue;
    const int ifindex = held != held_.end() ? held->second.ifindex : found->second.index;
    const auto link = TRY(os::find_link(links_->own(), ifindex));
    if (!link || link->peer_netns < 0) continue;
    const auto is_it = [&](const os::Fd& netns) -> Result<bool> {
      return TRY(os::netns_number(links_->own(), netns)) == link->peer_netns;
    };
    const auto place = TRY(os::search_netns(is_it));
    if (!place) continue;
    TRY_VOID(os::name_netns(*place, name));
    return Insides::Name::Restored;
  }
  // Nobody is in it: made anew, and its interfaces with it.
  TRY_VOID(links_->make_netns(name));
  return kept;
}

void Datapath::look_at(const model::State& state, const model::TniId& id, Repairs& repairs) {
  dirty_.erase(id);
  auto mended = mend(state, id);
  attempt("interface " + id.text, mended.ok() ? Result<>() : Result<>(mended.error()));
  if (mended.ok() && mended->empty()) return;
  if (mended.ok()) repairs.push_back({id.text, *mended});
  const auto [patience, fresh] = patience_.try_emplace(id, Patience{reconcile::Backoff({}), {}, {}});
  patience->second.last = clocks_.boot;
  patience->second.until = clocks_.boot + patience->second.backoff.next();
}

Result<std::string> Datapath::mend(const model::State& state, const model::TniId& id) {
  const auto entry = held_.find(id);
  if (entry == held_.end()) {
    const model::Tni* tni = state.find(id);
    const bool wanted = tni != nullptr && compile_interface(state, options_.self, options_.names, *tni);
    return wanted ? remake(state, id) : std::string();
  }
  Held& held = entry->second;
  const auto link = TRY(os::find_link(links_->own(), held.ifindex));
  if (!link) return remake(state, id);
  meet_netns(id, held, link->peer_netns);
  std::string mended = TRY(mend_machine_side(held, *link));
  const auto inside = insides_->mend(held.interface, link->peer, held.ifindex);
  // The workload gave it away, to where nobody finds it.
  if (!inside.ok() && inside.error().code == Code::NotFound) return remake(state, id);
  if (!inside.ok()) return inside.error();
  if (!inside->empty()) mended += (mended.empty() ? "" : ", ") + held.interface.device + ": " + *inside;
  return mended;
}

Result<std::string> Datapath::remake(const model::State& state, const model::TniId& id) {
  TRY_VOID(drop_interface(id));
  sync_interface(state, id);
  const auto held = held_.find(id);
  if (held == held_.end()) return std::string();
  // To learn from where notices of the new one come.
  dirty_.insert(id);
  return "the link of " + held->second.interface.device;
}

Result<std::string> Datapath::mend_machine_side(const Held& held, const os::Link& link) {
  std::string mended;
  const auto say = [&](const std::string& what) { mended += (mended.empty() ? "" : ", ") + what; };
  if (TRY(os::find_shared_block(links_->own(), held.ifindex)) != kTniBlock) {
    TRY_VOID(links_->share_judge(held.ifindex));
    say("the program at its device");
  }
  os::LinkChange change{.index = held.ifindex};
  if (link.alias != held.alias) change.alias = held.alias;
  if (link.mtu != held.interface.mtu) change.mtu = held.interface.mtu;
  if (link.state() != os::LinkState::Up) change.state = os::LinkState::Up;
  if (!change.alias && !change.mtu && !change.state) return mended;
  TRY_VOID(links_->own().apply({os::change_link(change)}));
  say("the machine's side of its link");
  return mended;
}

// Others' programs behind it stay.
Result<> Datapath::keep_judge(Repairs& repairs) {
  judge_notices_ = Notices::None;
  const auto filter = TRY(os::find_filter(links_->own(), {.block = kTniBlock}));
  if (filter && filter->program == TRY(bpf::program_id(bpf_.from_tni().get()))) return {};
  TRY_VOID(links_->judge_tnis_by(bpf_.from_tni()));
  repairs.push_back({"", "the program at the TNIs' devices"});
  return {};
}

// Answers whether it had to be put back. Others' programs behind it stay.
Result<bool> Datapath::keep_gateway_program(int ifindex) {
  const auto filter = TRY(os::find_filter(links_->own(), {.link = ifindex}));
  if (filter && filter->program == TRY(bpf::program_id(bpf_.from_gateway().get()))) return false;
  if (links_->judge_gateway_by(ifindex, bpf_.from_gateway()).ok()) return true;
  // Something of another kind has its place: only without hooks does that go.
  TRY_VOID(links_->own().apply({os::remove_hooks(ifindex)}));
  TRY_VOID(links_->judge_gateway_by(ifindex, bpf_.from_gateway()));
  return true;
}

Passes Datapath::passes_over_maps() {
  Passes passes;
  const auto as_it_is = [](const auto& entry) { return entry; };
  const auto add_kept = [&](const auto& kept, auto fit) { add_wanted(passes, kept.map(), kept.rows(), as_it_is, fit); };
  const auto add_strays = [&](const auto& kept) {
    add_found(passes, kept.map(), [&kept](const auto& key) { return kept.rows().contains(key); });
  };
  add_kept(gateway_devices_, fit_bytes<uint32_t>);
  add_kept(vpcs_, fit_bytes<abi::vpc>);
  add_kept(endpoints_, fit_bytes<abi::endpoint>);
  add_kept(ranges_, fit_bytes<uint32_t>);
  add_kept(machine_, fit_bytes<uint32_t>);
  add_wanted(
      passes, bpf_.tnis, tnis_.rows(),
      [this](const auto& entry) {
        std::pair<uint32_t, abi::tni> row = entry;
        const auto set = set_of_tni_.find(entry.first);
        const uint32_t slot = set == set_of_tni_.end() ? 0 : set->second;
        row.second.set = {slot, slot, generation_};
        return row;
      },
      [](abi::tni found, const abi::tni& wanted) {
        if (fit_versioned(found.set, wanted.set) == Fit::Wrong) return Fit::Wrong;
        found.set = wanted.set;
        return fit_bytes(found, wanted);
      });
  add_strays(gateway_devices_);
  add_strays(endpoints_);
  add_strays(ranges_);
  add_strays(machine_);

  // The policy, from what is asked last to what is asked first: a way that is put
  // back leads to something.
  const PolicyTables& tables = policy_.tables();
  add_wanted(
      passes, bpf_.rules, tables.rules,
      [this](const auto& entry) { return std::pair(entry.first, rule_of(entry.second, clocks_)); }, fit_rule);
  add_wanted(
      passes, bpf_.choices, tables.choices,
      [](const auto& entry) {
        return std::pair(entry.first, abi::choice{.rule = entry.second.rule, .next = entry.second.next});
      },
      fit_bytes<abi::choice>);
  add_wanted(
      passes, bpf_.cells, tables.cells, [](const auto& entry) { return std::pair(key_of(entry.first), entry.second); },
      fit_bytes<uint32_t>);
  const auto settled = [this](uint32_t value) { return abi::versioned{value, value, generation_}; };
  add_wanted(
      passes, bpf_.prefixes, tables.prefixes,
      [settled](const auto& entry) {
        const abi::prefix_key key = key_of(entry.first);
        return std::pair(key, abi::prefix{settled(entry.second), key.prefix_length});
      },
      [](const abi::prefix& found, const abi::prefix& wanted) {
        return found.length == wanted.length ? fit_versioned(found.rule_class, wanted.rule_class) : Fit::Wrong;
      });
  add_wanted(
      passes, bpf_.identities, tables.identities,
      [settled](const auto& entry) { return std::pair(key_of(entry.first), settled(entry.second)); }, fit_versioned);
  add_wanted(
      passes, bpf_.sets, tables.sets,
      [settled](const auto& entry) {
        return std::pair(entry.first, set_row(entry.second, entry.second, settled(entry.second.version)));
      },
      [](const abi::set& found, const abi::set& wanted) {
        // A set that lost its last rule of a kind may still say that it has some.
        const bool complete = found.audited >= wanted.audited && found.names_groups >= wanted.names_groups &&
                              std::equal(std::begin(found.groups), std::end(found.groups), std::begin(wanted.groups));
        return complete ? fit_versioned(found.version, wanted.version) : Fit::Wrong;
      });
  const BorderTables& borders = borders_.tables();
  add_wanted(
      passes, bpf_.acls, borders.acls,
      [](const auto& entry) { return std::pair(key_of(entry.first), acl_of(entry.second)); }, fit_bytes<abi::acl>);
  add_wanted(
      passes, bpf_.routes, borders.routes,
      [settled](const auto& entry) {
        const abi::route_key key = key_of(entry.first);
        return std::pair(key, abi::route{settled(entry.second), key.prefix_length});
      },
      [](const abi::route& found, const abi::route& wanted) {
        return found.length == wanted.length ? fit_versioned(found.hop, wanted.hop) : Fit::Wrong;
      });
  add_wanted(
      passes, bpf_.subnets, borders.subnets,
      [settled](const auto& entry) {
        return std::pair(
            entry.first,
            abi::subnet{.id = entry.second.id, .table = settled(entry.second.table), .acl = settled(entry.second.acl)});
      },
      [](const abi::subnet& found, const abi::subnet& wanted) {
        if (found.id != wanted.id || fit_versioned(found.table, wanted.table) == Fit::Wrong) return Fit::Wrong;
        return fit_versioned(found.acl, wanted.acl);
      });
  add_wanted(
      passes, bpf_.borders, borders.vpcs,
      [settled](const auto& entry) {
        return std::pair(entry.first, abi::border{.version = settled(entry.second.version),
                                                  .gateway_table = settled(entry.second.gateway_table)});
      },
      [](const abi::border& found, const abi::border& wanted) {
        if (fit_versioned(found.version, wanted.version) == Fit::Wrong) return Fit::Wrong;
        return fit_versioned(found.gateway_table, wanted.gateway_table);
      });
  add_found(passes, bpf_.routes, [&borders](const abi::route_key& key) {
    return borders.routes.contains({.table = key.table, .prefix = prefix_of(key)});
  });
  add_found(passes, bpf_.acls, [&borders](const abi::acl_key& key) {
    const auto direction = key.direction == abi::DIRECTION_IN ? model::Direction::In : model::Direction::Out;
    return borders.acls.contains({key.acl, direction});
  });
  add_found(passes, bpf_.cells, [&tables](const abi::cell_key& key) {
    return tables.cells.contains({key.rule_class, key.prefix_length - 32, key.protocol, ntohs(key.selector)});
  });
  add_found(passes, bpf_.prefixes, [&tables](const abi::prefix_key& key) {
    return tables.prefixes.contains({key.table, prefix_of(key)});
  });
  add_found(passes, bpf_.identities, [&tables](const abi::identity_key& key) {
    return tables.identities.contains({key.table, key.group});
  });
  return passes;
}

void Datapath::go_on_with_maps(Repairs& repairs) {
  Slice slice{.left = kRowsPerTurn};
  while (!round_->maps.empty() && slice.left > 0) {
    Pass& pass = *round_->maps.back();
    slice.mended = 0;
    const auto progress = pass.go_on(slice);
    const std::string what = "map " + pass.map();
    attempt(what, progress.ok() ? Result<>() : Result<>(progress.error()));
    if (slice.mended > 0) repairs.push_back({"", fmt::format("{}: {} of its rows", what, slice.mended)});
    round_->mended += slice.mended;
    if (!progress.ok() || *progress == Pass::Progress::Over) round_->maps.pop_back();
  }
  if (!round_->maps.empty() || round_->mended == 0) return;
  // What was let in by rows that nobody agreed on goes now. What was let in rightly
  // is judged alike again.
  attempt("policy", write_plan(policy_.renew(), {}, {}, clocks_));
}

}  // namespace weft::datapath
