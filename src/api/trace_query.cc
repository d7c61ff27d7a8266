#include "api/trace_query.h"

#include "api/resolve.h"
#include "base/text.h"

namespace weft::api {

using base::Code;
using base::printable;

namespace {

// What may be meant, the likeliest first: a workload may have several TNIs.
using Ends = std::vector<TraceEnd>;

// By name or id; addresses wait until the VPC is known.
Result<Ends> named_ends(const Draft& draft, const std::string& text) {
  if (text == "internet") return Ends{Internet{}};
  if (const auto address = net::Address::parse(text); address.ok()) return Ends{*address};
  const auto tni = resolve_tni(draft, text);
  if (tni.ok()) return Ends{*tni};
  const auto workload = resolve_workload(draft, text);
  if (!workload.ok()) {
    if (tni.error().code == Code::Usage) return tni.error();
    if (workload.error().code == Code::Usage) return workload.error();
    return error(Code::NotFound, "there is no TNI and no workload {}", printable(text));
  }
  const auto tnis = draft.tnis_of(*workload);
  if (tnis.empty()) return error(Code::Conflict, "workload {} has no interface", printable(text));
  return Ends(tnis.begin(), tnis.end());
}

// The first two that are in one VPC, else the first of each.
std::pair<TraceEnd, TraceEnd> choose(const Draft& draft, const Ends& sources, const Ends& targets) {
  for (const TraceEnd& source : sources) {
    for (const TraceEnd& target : targets) {
      const auto *from = std::get_if<model::TniId>(&source), *to = std::get_if<model::TniId>(&target);
      if (from != nullptr && to != nullptr && draft.get(*from).vpc == draft.get(*to).vpc) return {source, target};
    }
  }
  return {sources.front(), targets.front()};
}

// The VPC around an address that exactly one VPC has a holder for.
std::optional<model::VpcId> only_vpc_of(const Draft& draft, const net::Address& address) {
  std::optional<model::VpcId> found;
  for (const auto& [id, vpc] : draft.around().state.all<model::Vpc>()) {
    if (draft.holder_of(id, address) == nullptr) continue;
    if (found) return std::nullopt;
    found = id;
  }
  return found;
}

std::optional<model::VpcId> vpc_of(const Draft& draft, const TraceEnd& end) {
  if (const auto* tni = std::get_if<model::TniId>(&end)) return draft.get(*tni).vpc;
  if (const auto* address = std::get_if<net::Address>(&end)) return only_vpc_of(draft, *address);
  return std::nullopt;
}

TraceEnd in_vpc(const Draft& draft, const TraceEnd& end, const model::VpcId& vpc) {
  const auto* address = std::get_if<net::Address>(&end);
  const model::Tni* holder = address == nullptr ? nullptr : draft.holder_of(vpc, *address);
  return holder == nullptr ? end : TraceEnd(holder->id);
}

Result<model::Traffic> traffic_of(const v1::TraceRequest& request) {
  const std::string protocol = request.protocol().empty() ? "tcp" : request.protocol();
  model::Traffic traffic = TRY(model::Traffic::parse(protocol).in_field("protocol"));
  if (!traffic.protocol) return Error{.code = Code::Usage, .what = "a packet has one protocol", .field = "protocol"};
  return traffic;
}

}  // namespace

Result<TraceQuery> trace_query(const Draft& draft, const v1::TraceRequest& request) {
  const Ends sources = TRY(named_ends(draft, request.source()).in_field("source"));
  const Ends targets = TRY(named_ends(draft, request.target()).in_field("target"));
  const auto [source, target] = choose(draft, sources, targets);
  auto vpc = vpc_of(draft, source);
  if (!vpc || !std::holds_alternative<model::TniId>(source)) {
    if (const auto other = vpc_of(draft, target); other && (!vpc || std::holds_alternative<model::TniId>(target))) {
      vpc = other;
    }
  }
  if (!vpc && !std::holds_alternative<net::Address>(target)) {
    return Error{
        .code = Code::Usage, .what = "neither end is in exactly one VPC; name a TNI or a workload", .field = "source"};
  }
  const model::Traffic traffic = TRY(traffic_of(request));
  TraceQuery query;
  query.vpc = vpc.value_or(model::VpcId());
  query.source = vpc ? in_vpc(draft, source, *vpc) : source;
  query.target = vpc ? in_vpc(draft, target, *vpc) : target;
  query.protocol = *traffic.protocol;
  // "icmp:8" says it with the protocol.
  query.selector = traffic.first == 0 && traffic.last == 65535 ? uint16_t{0} : traffic.first;
  if (request.has_port()) {
    if (request.port() > 65535) return Error{.code = Code::Usage, .what = "a port is 0 to 65535", .field = "port"};
    query.selector = static_cast<uint16_t>(request.port());
  }
  query.live = request.live() ? TraceQuery::Live::Yes : TraceQuery::Live::No;
  return query;
}

}  // namespace weft::api
