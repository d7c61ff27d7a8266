#include "diagnosis/trace_gateway.h"

#include "diagnosis/trace_rules.h"

namespace weft::diagnosis {

namespace {

api::TraceStep translate(api::Verdict verdict, std::string what) {
  return {.step = "translate", .verdict = verdict, .what = std::move(what)};
}

// Whether the VPC's IPv6 addresses are known outside as they are.
bool is_routed(const model::Vpc& vpc) {
  static const net::Prefix kPrivate6 = *net::Prefix::parse("fc00::/7");  // RFC 4193
  return vpc.internet == model::Internet::Attached && vpc.cidr6 && !kPrivate6.contains(*vpc.cidr6);
}

// A workload's ports lead to its first interface.
bool is_first(const model::State& state, const model::Tni& tni) {
  for (const model::TniId& id : state.tnis_of(tni.workload)) {
    if (state.get(id).device < tni.device) return false;
  }
  return true;
}

const model::Publication* publication_of(const model::State& state, const model::Opening& opening,
                                         const model::Tni& tni) {
  const model::Workload* workload = state.find(tni.workload);
  if (workload == nullptr || !is_first(state, tni)) return nullptr;
  for (const model::Publication& publication : workload->publish) {
    const bool family = !publication.address || publication.address->family() == opening.target.family();
    if (family && publication.protocol == opening.protocol && publication.target_port == opening.selector) {
      return &publication;
    }
  }
  return nullptr;
}

}  // namespace

api::TraceStep leave_by_gateway(const model::State& state, const model::Opening& opening) {
  const model::Vpc& vpc = state.get(opening.vpc);
  if (opening.source.is_v4()) return translate(api::Verdict::Allow, "the source becomes the machine's own address");
  if (is_routed(vpc)) return translate(api::Verdict::Allow, "IPv6 leaves as it is");
  return translate(api::Verdict::Drop, fmt::format("{} is a private IPv6 range: nothing of it reaches the internet",
                                                   vpc.cidr6 ? vpc.cidr6->text() : "it"));
}

api::TraceStep enter_by_gateway(const model::State& state, const model::Opening& opening, const model::Tni& target) {
  if (const auto* publication = publication_of(state, opening, target)) {
    return translate(api::Verdict::Allow,
                     fmt::format("port {} of {} is published: it leads to {}", publication->port,
                                 publication->address ? publication->address->text() : "the machine", target.name));
  }
  if (!opening.target.is_v4() && is_routed(state.get(opening.vpc))) {
    return translate(api::Verdict::Allow, "IPv6 comes in as it is");
  }
  return translate(api::Verdict::Drop,
                   fmt::format("nothing outside leads to {} of {}: no port of the machine is published to it",
                               traffic_text(opening.protocol, opening.selector), target.name));
}

}  // namespace weft::diagnosis
