#include "diagnosis/trace.h"

#include "diagnosis/trace_gateway.h"
#include "diagnosis/trace_packet.h"
#include "diagnosis/trace_rules.h"

namespace weft::diagnosis {

namespace {

using api::TraceStep;
using api::Verdict;
using model::Reason;

// Writes the steps down, in the contract's order, until one denies.
class Tracer {
 public:
  using Door = Surroundings::Door;

  // `door`: by which it comes in, or null.
  Tracer(const model::State& state, base::WallTime now, const Surroundings& around, const model::Opening& opening,
         const Door* door = nullptr)
      : state_(state),
        around_(around),
        opening_(opening),
        door_(door),
        verdict_(judge(state, now, opening)),
        now_(now),
        sender_(opening.sender.empty() ? nullptr : &state.get(opening.sender)),
        target_(verdict_.target.empty() ? nullptr : &state.get(verdict_.target)),
        holder_(state.holder_of(opening.vpc, opening.target)) {}

  const model::Verdict& verdict() const { return verdict_; }
  api::Trace run() && {
    const Reason addresses = model::check_addresses(opening_.source, opening_.target);
    if (addresses != Reason::None) {
      deny(addresses == Reason::SourceCheck ? "source check" : "route", nobody_text(addresses), addresses);
      return std::move(trace_);
    }
    if (is_forged()) {
      deny("source check", source_fault(), verdict_.reason);
      return std::move(trace_);
    }
    allow("source check", source_text());
    sender_ == nullptr ? enter() : leave();
    return std::move(trace_);
  }

  // The way on behind a published port, after these steps.
  api::Trace go_on(api::Trace trace) && {
    trace_ = std::move(trace);
    if (is_forged()) {
      deny("source check", source_fault(), verdict_.reason);
    } else if (is_nowhere()) {
      deny("route", nowhere_text(), verdict_.reason);
    } else {
      arrive();
    }
    return std::move(trace_);
  }

 private:
  void allow(std::string step, std::string what, std::string rule = {}) {
    trace_.steps.push_back({std::move(step), Verdict::Allow, std::move(what), std::move(rule)});
  }
  void deny(std::string step, std::string what, Reason reason, std::string rule = {}) {
    trace_.steps.push_back({std::move(step), Verdict::Drop, std::move(what), rule});
    trace_.verdict = Verdict::Drop;
    trace_.reason = std::string(text_of(reason));
    trace_.rule = std::move(rule);
  }
  // Of the gateway: what it doesn't pass has no way.
  bool pass(TraceStep step) {
    const bool allowed = step.verdict == Verdict::Allow;
    allowed ? allow(step.step, step.what) : deny(step.step, step.what, Reason::NoRoute);
    return allowed;
  }
  void deliver(std::string what) {
    allow("deliver", std::move(what));
    trace_.reason = std::string(text_of(verdict_.reason));
    trace_.rule = verdict_.rule.text;
  }

  void leave() {
    if (verdict_.reason == Reason::Resolver) {
      allow("route", opening_.target.text() + " is the VPC's resolver: no group forbids it");
      if (pass(ask_by_gateway(state_, around_, opening_))) deliver("the resolver answers");
      return;
    }
    if (!ask(*sender_, model::Direction::Out, verdict_.egress_rule)) return;
    if (is_nowhere()) return deny("route", nowhere_text(), verdict_.reason);
    if (target_ == nullptr) {
      allow("route", fmt::format("{} is outside: {} of {}", opening_.target.text(), route_text(), vpc().name));
      if (!cross()) return;
      if (opening_.outside == model::Outside::Machine) return call_machine();
      if (pass(leave_by_gateway(state_, around_, opening_))) deliver("to the internet");
      return;
    }
    allow("route", verdict_.stand_in.empty()
                       ? fmt::format("{} is {}'s, inside {}", opening_.target.text(), target_->name, vpc().name)
                       : route_text());
    arrive();
  }
  // Of the machine's own addresses only published ports are open.
  void call_machine() {
    const Door* door = around_.find_door(opening_.target, opening_.protocol, opening_.selector);
    if (door == nullptr) {
      return deny("translate",
                  fmt::format("{} is the machine's own, and {} of it is not published: the gateway refuses it",
                              opening_.target.text(), traffic_text(opening_.protocol, opening_.selector)),
                  Reason::NoRoute);
    }
    if (door->vpc != opening_.vpc && !pass(leave_by_gateway(state_, around_, opening_))) return;
    if (!pass(pass_door(state_, *door))) return;
    const model::Opening behind = behind_door(state_, around_, opening_, *door);
    trace_ = Tracer(state_, now_, around_, behind).go_on(std::move(trace_));
  }
  void enter() {
    if (is_nowhere()) return deny("route", nowhere_text(), verdict_.reason);
    CHECK(target_ != nullptr);
    const bool open =
        pass(door_ != nullptr ? pass_door(state_, *door_) : enter_by_gateway(state_, around_, opening_, *target_));
    if (open) arrive();
  }
  void arrive() {
    if (!cross()) return;
    if (ask(*target_, model::Direction::In, verdict_.ingress_rule)) deliver(destination_text());
  }
  // Whether the ACLs of both ends' subnets allow it, if it crosses their borders.
  bool cross() {
    const auto subnet_of = [&](const model::Tni* tni) { return tni == nullptr ? nullptr : &state_.get(tni->subnet); };
    const model::Subnet *from = subnet_of(sender_), *to = subnet_of(target_);
    if (from == to) return true;
    if (from != nullptr && !ask_acl(*from, model::Direction::Out, opening_.target)) return false;
    return to == nullptr || ask_acl(*to, model::Direction::In, opening_.source);
  }
  bool ask_acl(const model::Subnet& subnet, model::Direction direction, const net::Address& peer) {
    const bool out = direction == model::Direction::Out;
    const model::Acl& acl = state_.acl_of(subnet);
    const model::AclRule* rule =
        model::deciding_rule(state_, acl.id, direction, peer, opening_.protocol, opening_.selector);
    const std::string step = (out ? "border out of " : "border into ") + subnet.name;
    const std::string asked =
        fmt::format("{} {} {}", traffic_text(opening_.protocol, opening_.selector), out ? "to" : "from", peer.text());
    if (rule == nullptr) {
      deny(step, fmt::format("no rule of ACL {} allows {}", acl.name, asked), Reason::AclDenied);
      return false;
    }
    const bool allows = rule->action == model::Action::Allow;
    const std::string what =
        fmt::format("ACL {} {} {} by rule {}: {} {} {}", acl.name, allows ? "allows" : "denies", asked, rule->number,
                    rule->traffic.text(), out ? "to" : "from", rule->prefix.text());
    allows ? allow(step, what, rule->id.text) : deny(step, what, Reason::AclDenied, rule->id.text);
    return allows;
  }
  // Whether the groups of an end allow it.
  bool ask(const model::Tni& tni, model::Direction direction, const model::RuleId& rule) {
    const bool out = direction == model::Direction::Out;
    const RuleQuestion question{.tni = tni,
                                .direction = direction,
                                .peer_address = out ? opening_.target : opening_.source,
                                .peer = out ? itself(target_, opening_.target) : itself(sender_, opening_.source),
                                .protocol = opening_.protocol,
                                .selector = opening_.selector};
    const std::string step = (out ? "egress of " : "ingress of ") + tni.name;
    if (rule.empty()) {
      std::string what = tell_denied(state_, now_, question);
      if (out && target_ == nullptr && holder_ != nullptr) what += "; " + detached_text() + ": its groups don't count";
      deny(step, std::move(what), out ? Reason::EgressDenied : Reason::IngressDenied);
      return false;
    }
    allow(step, tell_allowed(state_, now_, question, rule), rule.text);
    return true;
  }

  const model::Vpc& vpc() const { return state_.get(opening_.vpc); }
  bool is_forged() const {
    return model::check_source(state_, opening_.vpc, opening_.sender, opening_.source) != Reason::None;
  }
  bool is_nowhere() const {
    return verdict_.reason == Reason::NoRoute || verdict_.reason == Reason::NoEndpoint ||
           verdict_.reason == Reason::Blackhole || verdict_.reason == Reason::SourceCheck;
  }
  // The TNI, if nothing stands between: then rules know it by its groups.
  const model::Tni* itself(const model::Tni* tni, const net::Address& address) const {
    return tni != nullptr && state_.holder_of(opening_.vpc, address) == tni ? tni : nullptr;
  }

  // "0.0.0.0/0 of table main leads to the internet gateway"
  std::string route_text() const {
    const model::NextHop hop = model::hop_of(state_, opening_);
    const model::Route* route = hop.route.empty() ? nullptr : &state_.get(hop.route);
    const std::string by = route == nullptr ? "no route"
                                            : fmt::format("{} of table {}", model::text_of(state_, route->destination),
                                                          state_.get(route->table).name);
    switch (hop.kind) {
      case model::NextHop::Kind::Internet: return by + " leads to the internet gateway";
      case model::NextHop::Kind::EgressOnly: return by + " leads to the egress-only gateway";
      case model::NextHop::Kind::Appliance: return fmt::format("{} leads to {}", by, state_.get(hop.appliance).name);
      case model::NextHop::Kind::Blackhole: return by + " leads nowhere: it is a blackhole, or its target is gone";
      case model::NextHop::Kind::Local:
      case model::NextHop::Kind::None: break;
    }
    return by;
  }

  std::string source_text() const {
    const std::string source = opening_.source.text();
    if (sender_ == nullptr && model::is_in_ranges(vpc(), opening_.source))
      return source + " is a service of " + vpc().name;
    if (sender_ == nullptr) return source + " is outside: it comes by the gateway of " + vpc().name;
    const model::Tni* holder = state_.holder_of(opening_.vpc, opening_.source);
    if (holder != nullptr && holder->id == sender_->id) return fmt::format("{} is {}'s own", source, sender_->name);
    return sender_->name + " may send as anybody: its source check is off";
  }
  std::string source_fault() const {
    if (sender_ != nullptr) return fmt::format("{} isn't {}'s", opening_.source.text(), sender_->name);
    return fmt::format("{} is in a range of {}, and no interface has it: nobody sends from there",
                       opening_.source.text(), vpc().name);
  }
  std::string nobody_text(Reason reason) const {
    if (reason == Reason::SourceCheck) return opening_.source.text() + " is no address that anybody sends from";
    const std::string target = opening_.target.text();
    if (reason == Reason::Multicast) return target + " is no single host's: multicast and broadcast don't exist here";
    return target + " is nobody else's: it never leaves a host";
  }
  std::string nowhere_text() const {
    const std::string target = opening_.target.text();
    if (verdict_.reason == Reason::Blackhole) return route_text();
    if (verdict_.reason == Reason::SourceCheck) {
      return fmt::format("{}, which takes only what is its own: its source check is on", route_text());
    }
    if (target_ != nullptr && sender_ == nullptr) {
      return fmt::format("nothing leads from subnet {} to the internet gateway: it isn't public",
                         state_.get(target_->subnet).name);
    }
    if (holder_ != nullptr) return detached_text();
    if (model::is_in_ranges(vpc(), opening_.target))
      return fmt::format("{} is in a range of {}, and no interface has it", target, vpc().name);
    if (verdict_.reason == Reason::NoEndpoint)
      return target + " is the VPC's resolver, which answers DNS and nothing else";
    if (sender_ == nullptr) return fmt::format("{} is in no range of {} either", target, vpc().name);
    return no_exit_text();
  }
  std::string detached_text() const {
    return fmt::format("{} is {}'s, which is attached to no workload", opening_.target.text(), holder_->name);
  }
  std::string no_exit_text() const {
    const std::string target = opening_.target.text(), name = vpc().name;
    switch (exit_of(state_, opening_)) {
      case model::Exit::ForeignSource:
        return fmt::format("{} is in no range of {}: no answer would find the way back", opening_.source.text(), name);
      case model::Exit::NotOutside: return target + " is of a range that never leaves a network: it is not outside";
      case model::Exit::PrivateRange:
        return fmt::format("{} is a private IPv6 range: nothing of it reaches the internet",
                           vpc().cidr6 ? vpc().cidr6->text() : name);
      case model::Exit::Untranslated:
        return fmt::format("{} over IPv4 can't have the machine's address: tcp, udp and requests of icmp can",
                           traffic_text(opening_.protocol, opening_.selector));
      case model::Exit::NoRoute: {
        if (vpc().internet == model::Internet::None && vpc().egress_only == model::Internet::None) break;
        const model::Subnet& subnet = state_.get(sender_->subnet);
        return fmt::format("{} is in no range of {}, and no route of table {} leads there", target, name,
                           state_.table_of(subnet).name);
      }
      case model::Exit::NoGateway:
      case model::Exit::Open: break;
    }
    return fmt::format("{} is in no range of {}, which has no internet gateway", target, name);
  }
  std::string destination_text() const {
    const model::Workload& workload = state_.get(target_->workload);
    if (workload.kind == model::WorkloadKind::Machine) return "to the machine " + state_.get(workload.machine).name;
    return fmt::format("to eth{} of workload {}", target_->device, workload.name);
  }

  const model::State& state_;
  const Surroundings& around_;
  const model::Opening& opening_;
  const Door* door_;
  const model::Verdict verdict_;
  const base::WallTime now_;
  const model::Tni* sender_;
  const model::Tni* target_;
  const model::Tni* holder_;  // of the target's address, attached or not
  api::Trace trace_;
};

Traced follow(const model::State& state, base::WallTime now, const Surroundings& around, TracePacket packet) {
  Traced traced{.packet = std::move(packet), .trace = {}, .judged = Reason::None};
  if (const auto& obstacle = traced.packet.obstacle) {
    traced.trace = {.verdict = Verdict::Drop,
                    .reason = std::string(text_of(obstacle->reason)),
                    .steps = {{.step = obstacle->step, .verdict = Verdict::Drop, .what = obstacle->what}}};
    return traced;
  }
  const auto& door = traced.packet.door;
  Tracer tracer(state, now, around, traced.packet.opening, door ? &*door : nullptr);
  traced.judged = tracer.verdict().reason;
  traced.trace = std::move(tracer).run();
  return traced;
}

}  // namespace

Result<Traced> trace_query(const model::State& state, base::WallTime now, const Surroundings& around,
                           const api::TraceQuery& query) {
  const auto families = families_of(state, query);
  Traced first = follow(state, now, around, TRY(trace_packet(state, around, query, families.front())));
  if (first.trace.verdict == Verdict::Allow || families.size() == 1) return first;
  Traced second = follow(state, now, around, TRY(trace_packet(state, around, query, families.back())));
  if (second.trace.verdict == Verdict::Drop) return first;
  const auto& why = first.trace.steps.back();
  second.trace.steps.insert(second.trace.steps.begin(), {.step = "family", .what = "IPv6; not IPv4: " + why.what});
  return second;
}

Result<api::Trace> trace(const model::State& state, base::WallTime now, const Surroundings& around,
                         const api::TraceQuery& query) {
  return TRY(trace_query(state, now, around, query)).trace;
}

}  // namespace weft::diagnosis
