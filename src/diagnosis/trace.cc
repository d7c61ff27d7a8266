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
  Tracer(const model::State& state, base::WallTime now, const model::Opening& opening)
      : state_(state),
        opening_(opening),
        verdict_(judge(state, now, opening)),
        now_(now),
        sender_(opening.sender.empty() ? nullptr : &state.get(opening.sender)),
        target_(verdict_.target.empty() ? nullptr : &state.get(verdict_.target)) {}

  api::Trace run() && {
    if (verdict_.reason == Reason::SourceCheck || verdict_.reason == Reason::GatewaySource) {
      deny("source check", source_fault(), verdict_.reason);
      return std::move(trace_);
    }
    allow("source check", source_text());
    sender_ == nullptr ? enter() : leave();
    return std::move(trace_);
  }

 private:
  void allow(std::string step, std::string what, model::RuleId rule = {}) {
    trace_.steps.push_back({std::move(step), Verdict::Allow, std::move(what), std::move(rule)});
  }
  void deny(std::string step, std::string what, Reason reason) {
    trace_.steps.push_back({std::move(step), Verdict::Drop, std::move(what), {}});
    trace_.verdict = Verdict::Drop;
    trace_.reason = std::string(text_of(reason));
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
    trace_.rule = verdict_.rule;
  }

  void leave() {
    if (verdict_.reason == Reason::Resolver) {
      allow("route", opening_.target.text() + " is the VPC's resolver: no group forbids it");
      return deliver("the resolver answers");
    }
    if (!ask(*sender_, model::Direction::Out, verdict_.egress_rule)) return;
    if (is_nowhere()) return deny("route", nowhere_text(), verdict_.reason);
    if (target_ == nullptr) {
      allow("route", opening_.target.text() + " is outside: by the internet gateway of " + vpc().name);
      if (pass(leave_by_gateway(state_, opening_))) deliver("to the internet");
      return;
    }
    allow("route", fmt::format("{} is {}'s, inside {}", opening_.target.text(), target_->name, vpc().name));
    arrive();
  }
  void enter() {
    if (is_nowhere()) return deny("route", nowhere_text(), verdict_.reason);
    CHECK(target_ != nullptr);
    if (pass(enter_by_gateway(state_, opening_, *target_))) arrive();
  }
  void arrive() {
    if (ask(*target_, model::Direction::In, verdict_.ingress_rule)) deliver(destination_text());
  }
  // Whether the groups of an end allow it.
  bool ask(const model::Tni& tni, model::Direction direction, const model::RuleId& rule) {
    const bool out = direction == model::Direction::Out;
    const RuleQuestion question{.tni = tni,
                                .direction = direction,
                                .peer_address = out ? opening_.target : opening_.source,
                                .peer = out ? target_ : sender_,
                                .protocol = opening_.protocol,
                                .selector = opening_.selector};
    const std::string step = (out ? "egress of " : "ingress of ") + tni.name;
    if (rule.empty()) {
      deny(step, tell_denied(state_, now_, question), out ? Reason::EgressDenied : Reason::IngressDenied);
      return false;
    }
    allow(step, tell_allowed(state_, now_, question, rule), rule);
    return true;
  }

  const model::Vpc& vpc() const { return state_.get(opening_.vpc); }
  bool is_nowhere() const { return verdict_.reason == Reason::NoRoute || verdict_.reason == Reason::NoEndpoint; }

  std::string source_text() const {
    const std::string source = opening_.source.text();
    if (sender_ == nullptr && is_in_ranges(vpc(), opening_.source)) return source + " is a service of " + vpc().name;
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
  std::string nowhere_text() const {
    const std::string target = opening_.target.text();
    if (target_ != nullptr) return fmt::format("{} is {}'s, which is attached to no workload", target, target_->name);
    if (is_in_ranges(vpc(), opening_.target))
      return fmt::format("{} is in a range of {}, and no interface has it", target, vpc().name);
    if (verdict_.reason == Reason::NoEndpoint)
      return target + " is the VPC's resolver, which answers DNS and nothing else";
    if (sender_ == nullptr) return fmt::format("{} is in no range of {} either", target, vpc().name);
    return fmt::format("{} is in no range of {}, which has no internet gateway", target, vpc().name);
  }
  std::string destination_text() const {
    const model::Workload& workload = state_.get(target_->workload);
    if (workload.kind == model::WorkloadKind::Machine) return "to the machine " + state_.get(workload.machine).name;
    return fmt::format("to eth{} of workload {}", target_->device, workload.name);
  }

  const model::State& state_;
  const model::Opening& opening_;
  const model::Verdict verdict_;
  const base::WallTime now_;
  const model::Tni* sender_;
  const model::Tni* target_;
  api::Trace trace_;
};

}  // namespace

api::Trace trace(const model::State& state, base::WallTime now, const api::TraceQuery& query) {
  const TracePacket packet = trace_packet(state, query);
  if (packet.impossible.empty()) return Tracer(state, now, packet.opening).run();
  return {.verdict = api::Verdict::Drop,
          .reason = std::string(text_of(packet.reason)),
          .steps = {{.step = "source check", .verdict = api::Verdict::Drop, .what = packet.impossible}}};
}

}  // namespace weft::diagnosis
