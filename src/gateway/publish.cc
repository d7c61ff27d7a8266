#include "gateway/publish.h"

#include <algorithm>

#include "model/border.h"

namespace weft::gateway {

using model::Publication;
using model::State;
using model::Tni;
using model::Vpc;
using model::Workload;
using net::Address;
using net::Family;

namespace {

// Whether the machine itself has a TNI in the VPC: then its programs go straight.
bool is_in(const State& state, const model::MachineId& self, const Vpc& vpc) {
  for (const auto& [id, workload] : state.all<Workload>()) {
    if (workload.kind != model::WorkloadKind::Machine || workload.machine != self) continue;
    const auto& tnis = state.tnis_of(id);
    if (std::any_of(tnis.begin(), tnis.end(), [&](const auto& tni) { return state.get(tni).vpc == vpc.id; })) {
      return true;
    }
  }
  return false;
}

const Tni* first_tni(const State& state, const Workload& workload) {
  const Tni* first = nullptr;
  for (const auto& id : state.tnis_of(workload.id)) {
    const Tni& tni = state.get(id);
    if (first == nullptr || tni.device < first->device) first = &tni;
  }
  return first;
}

std::optional<Address> address_of(const Tni& tni, Family family) {
  return family == Family::V4 ? std::optional(tni.ip) : tni.ip6;
}

// Why the port can't be published; nothing if it can.
std::optional<std::string> refusal(const State& state, const MachineFacts& facts, const Options& options,
                                   const Vpc& vpc, const Tni& tni, const Publication& publication) {
  if (vpc.internet != model::Internet::Attached) {
    return fmt::format("VPC {} has no internet gateway (weft igw attach {})", vpc.name, vpc.name);
  }
  const model::Subnet& subnet = state.get(tni.subnet);
  if (!model::is_public(state, subnet)) {
    return fmt::format("subnet {} isn't public: no route of its table {} leads to the internet gateway", subnet.name,
                       state.table_of(subnet).name);
  }
  if (options.ports.contains(publication.port)) {
    return fmt::format("{} is kept for what the VPCs send out", options.ports.text());
  }
  if (publication.address && !address_of(tni, publication.address->family())) {
    return fmt::format("the workload has no address in the family of {}", publication.address->text());
  }
  const auto is_same = [&](const MachineFacts::Bound& other) {
    const bool same_address =
        !publication.address || other.address.is_unspecified() || other.address == *publication.address;
    return same_address && other.protocol == publication.protocol && other.port == publication.port;
  };
  const auto bound = std::find_if(facts.bound.begin(), facts.bound.end(), is_same);
  if (bound != facts.bound.end()) return fmt::format("a program of the machine has {} bound", bound->address.text());
  if (std::any_of(facts.published.begin(), facts.published.end(), is_same)) return "another instance publishes it";
  return std::nullopt;
}

bool is_elsewhere(const MachineFacts& facts, const Publication& publication) {
  return publication.address && !publication.address->is_loopback() && !publication.address->is_unspecified() &&
         facts.find_holder(*publication.address) == nullptr;
}

enum class Calls { Straight, ByGateway };  // of the machine's own programs

class Publisher {
 public:
  Publisher(Calls calls, const Inside& inside, uint32_t slot) : calls_(calls), inside_(inside), slot_(slot) {}

  void add(const Workload& workload, const Tni& tni, const Publication& publication, Family family) {
    const auto target = address_of(tni, family);
    if (!target || (publication.address && publication.address->family() != family)) return;
    Published published{.family = family,
                        .address = publication.address,
                        .port = publication.port,
                        .protocol = publication.protocol,
                        .target = *target,
                        .target_port = publication.target_port,
                        .inside_port = 0,
                        .workload = workload.id};
    const Address address = publication.address.value_or(net::Prefix::any(family).first());
    const Border::Door door{address, publication.port, publication.protocol};
    out_.doors[door] = calls_ == Calls::Straight ? Border::Behind{slot_, *target, publication.target_port}
                                                 : by_gateway(door, published);
    out_.published.push_back(std::move(published));
  }
  void problem(const Workload& workload, std::string what) {
    out_.problems.push_back({workload.id.text, std::move(what)});
  }
  Doors take() { return std::move(out_); }

 private:
  // The gateway has one address for them, and the port as it is published.
  Border::Behind by_gateway(const Border::Door& door, Published& published) {
    const bool taken = std::any_of(out_.published.begin(), out_.published.end(), [&](const Published& other) {
      return other.family == published.family && other.protocol == published.protocol &&
             other.inside_port == published.port;
    });
    if (taken) {
      out_.problems.push_back(
          {published.workload.text, fmt::format("port {} of {}: programs of the machine itself don't reach it, since "
                                                "another address publishes the same port",
                                                door.port, door.address.text())});
      return {slot_, published.target, 0};
    }
    published.inside_port = published.port;
    return {slot_, inside_.gateway(published.family, slot_), published.port};
  }

  Calls calls_;
  Inside inside_;
  uint32_t slot_;
  Doors out_;
};

}  // namespace

Doors publish(const State& state, const MachineFacts& facts, const model::MachineId& self, const Options& options,
              const Vpc& vpc, const Inside& inside, uint32_t slot) {
  Publisher publisher(is_in(state, self, vpc) ? Calls::Straight : Calls::ByGateway, inside, slot);
  for (const auto& [id, workload] : state.all<Workload>()) {
    if (workload.machine != self || workload.kind == model::WorkloadKind::Machine) continue;
    const Tni* tni = first_tni(state, workload);
    if (tni == nullptr || tni->vpc != vpc.id || tni->machine != self) continue;
    for (const Publication& publication : workload.publish) {
      if (const auto why = refusal(state, facts, options, vpc, *tni, publication)) {
        publisher.problem(workload, fmt::format("port {} is not published: {}", publication.port, *why));
        continue;
      }
      if (is_elsewhere(facts, publication)) {
        publisher.problem(workload, fmt::format("port {}: the machine has no address {} now", publication.port,
                                                publication.address->text()));
      }
      for (const Family family : {Family::V4, Family::V6}) publisher.add(workload, *tni, publication, family);
    }
  }
  return publisher.take();
}

}  // namespace weft::gateway
