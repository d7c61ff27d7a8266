// Three implementations of a verdict agree: the nouns themselves, the compiled
// tables in plain C++, and the BPF programs in the kernel; over random sequences
// of commands, packets and steps of time.
//
// WEFT_SEED replays a run, WEFT_STEPS makes it longer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <random>

#include "datapath/paper_kernel.h"
#include "datapath/random_world.h"
#include "os/isolated.h"

namespace weft::datapath {
namespace {

using model::Reason;

constexpr uint32_t kMostFlows = 64;
// Fewer than there are TNIs, so that slots change hands.
constexpr size_t kMostAttached = 8;
constexpr uint32_t kMostTnis = 1 + kMostAttached + 1;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string story_of(const model::Packet& packet) {
  return fmt::format(
      "{} {} {}:{} -> {}:{} protocol {} selector {:#x} icmp {} flags {}{}{}{}{}", packet.vpc.text,
      packet.sender.empty() ? "outside" : packet.sender.text, packet.source.address.text(), packet.source.port,
      packet.target.address.text(), packet.target.port, packet.protocol, packet.selector, static_cast<int>(packet.icmp),
      packet.tcp.syn ? "S" : "", packet.tcp.ack ? "A" : "", packet.tcp.fin ? "F" : "", packet.tcp.rst ? "R" : "",
      packet.inner ? fmt::format(" about {} {} -> {}:{}", packet.inner->protocol, packet.inner->source_port,
                                 packet.inner->target.address.text(), packet.inner->target.port)
                   : "");
}

std::string story_of(const model::Verdict& verdict) {
  return fmt::format("{} rule {} target {} denier {} acl rule {}", model::text_of(verdict.reason), verdict.rule.text,
                     verdict.target.text, verdict.denier.text, verdict.acl_rule.text);
}

// What a user is told, and where it goes.
auto told(const model::Verdict& verdict) {
  return std::tuple(verdict.reason, verdict.rule, verdict.target, verdict.denier, verdict.acl_rule);
}

class ThreeVerdicts : public os::Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    auto opened = PaperKernel::open(kMostFlows, RandomWorld::machine(), kMostTnis);
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    kernel_ = std::move(*opened);
  }
  void TearDown() override {
    kernel_.reset();
    EXPECT_TRUE(PaperKernel::close().ok());
  }

  void command() { carry_out(world_.command(state_, now_)); }

  void carry_out(const model::Command& command) {
    if (!kernel_->has_room()) sweep();
    const auto changes = state_.apply(command);
    if (!changes.ok()) return;
    if (attached() > kMostAttached) return state_.undo(*changes);
    const auto applied = kernel_->apply(state_, *changes, now_);
    ASSERT_TRUE(applied.ok()) << applied.error().what;
    // Ids are never used again, but here they are.
    const bool vpc_gone = std::any_of(changes->begin(), changes->end(), [](const model::Change& change) {
      return change.before && !change.after && std::get_if<model::Vpc>(&*change.before) != nullptr;
    });
    if (vpc_gone) sweep();
  }

  size_t attached() const {
    const auto& tnis = state_.all<model::Tni>();
    return static_cast<size_t>(
        std::count_if(tnis.begin(), tnis.end(), [](const auto& entry) { return !entry.second.workload.empty(); }));
  }

  void wait() {
    static constexpr int64_t kLongest[] = {1, 1'000'000, 1'000'000'000, 3'000'000'000, 20'000'000'000};
    const int64_t longest = rng_.one_in(100) ? 500'000'000'000'000 : kLongest[rng_.below(std::size(kLongest))];
    now_.ns += static_cast<int64_t>(1 + rng_.below(static_cast<uint64_t>(longest)));
  }

  void sweep() {
    by_nouns_.sweep(state_, now_);
    by_tables_.sweep(state_, now_);
    const auto swept = kernel_->sweep(now_);
    ASSERT_TRUE(swept.ok()) << swept.error().what;
  }

  // The rules of one end of an open flow go, or expire, for a moment.
  void revoke() {
    if (recent_.empty()) return;
    const model::Packet packet = recent_[rng_.below(recent_.size())].packet;
    if (!RandomWorld::can_be_sent(state_, packet)) return;
    send(packet);
    if (HasFatalFailure()) return;
    const net::Address& end = rng_.one_in(2) ? packet.source.address : packet.target.address;
    model::Command go{.at = now_, .actor = "test", .operations = {}}, come = go;
    for (const model::Rule& rule : RandomWorld::rules_of(state_, packet.vpc, end)) {
      model::Rule expired = rule;
      expired.until = now_;
      if (rng_.one_in(2)) {
        go.operations.emplace_back(model::Remove{rule.id});
      } else {
        go.operations.emplace_back(model::Put{expired});
      }
      come.operations.emplace_back(model::Put{rule});
    }
    carry_out(go);
    // A copy: sending adds to the recent ones.
    for (const auto& [other, receiver] : std::deque<Recent>(recent_)) {
      if (HasFatalFailure()) return;
      if (other.vpc != packet.vpc || (other.source.address != end && other.target.address != end)) continue;
      const model::Packet next = world_.next_of(state_, other, receiver);
      if (RandomWorld::can_be_sent(state_, next)) send(next);
    }
    carry_out(come);
  }

  // One sender opens more flows than its share.
  void flood() {
    if (recent_.empty()) return;
    model::Packet packet = recent_[rng_.below(recent_.size())].packet;
    for (uint16_t i = 0; i < 20 && !HasFatalFailure(); ++i) {
      packet.source.port = static_cast<uint16_t>(50000 + i);
      if (packet.icmp != model::IcmpKind::None) packet.target.port = packet.source.port;
      if (packet.icmp != model::IcmpKind::Other && RandomWorld::can_be_sent(state_, packet)) send(packet);
    }
  }

  void packet() {
    std::optional<model::Packet> packet;
    if (!recent_.empty() && !rng_.one_in(3)) {
      const Recent recent = recent_[rng_.below(recent_.size())];
      packet = world_.next_of(state_, recent.packet, recent.receiver);
    } else {
      packet = world_.packet(state_);
    }
    if (packet && RandomWorld::can_be_sent(state_, *packet)) send(*packet);
  }

  void send(const model::Packet& packet) {
    const model::Verdict nouns = by_nouns_.step(state_, now_, packet);
    const model::Verdict tables = by_tables_.step(state_, now_, packet);
    const auto bpf = kernel_->judge(now_, packet);
    ASSERT_TRUE(bpf.ok()) << bpf.error().what;
    ASSERT_EQ(told(nouns), told(tables)) << story_of(packet) << "\n  by nouns:  " << story_of(nouns)
                                         << "\n  by tables: " << story_of(tables);
    ASSERT_EQ(told(nouns), told(*bpf)) << story_of(packet) << "\n  by nouns: " << story_of(nouns)
                                       << "\n  by BPF:   " << story_of(*bpf);
    ++seen_[nouns.reason];
    if (nouns.reason == Reason::Established && !nouns.stand_in.empty()) ++stood_in_;
    ++packets_;
    if (model::outcome_of(nouns.reason) == model::Outcome::Allow) ++allowed_;
    remember(packet, nouns);
  }

  // One packet of each flow that was heard of lately, mostly of those that pass.
  void remember(const model::Packet& packet, const model::Verdict& verdict) {
    if (packet.inner || (model::outcome_of(verdict.reason) == model::Outcome::Drop && !rng_.one_in(40))) return;
    const bool known = std::any_of(recent_.begin(), recent_.end(), [&](const Recent& recent) {
      const model::Packet& other = recent.packet;
      return other.vpc == packet.vpc && other.sender == packet.sender && other.protocol == packet.protocol &&
             other.icmp == packet.icmp &&
             std::minmax(other.source, other.target) == std::minmax(packet.source, packet.target);
    });
    if (known) return;
    recent_.push_back({packet, verdict.target});
    if (recent_.size() > 24) recent_.pop_front();
  }

  const uint64_t seed_ = from_environment("WEFT_SEED", std::random_device{}());
  base::Rng rng_{seed_};
  RandomWorld world_{rng_};
  model::State state_;
  // Far from the kernel's own clock, which the programs must not look at here.
  base::WallTime now_{1'000'000'000'000'000'000};
  std::unique_ptr<PaperKernel> kernel_;
  model::FlowJudge by_nouns_{{.most_flows = kMostFlows, .machine = RandomWorld::machine()}};
  model::FlowJudge by_tables_{
      {.most_flows = kMostFlows,
       .rules = [this](const model::State&, base::WallTime now) { return kernel_->compiled_rules(now); },
       .machine = RandomWorld::machine()}};
  struct Recent {
    model::Packet packet;
    model::TniId receiver;
  };
  std::deque<Recent> recent_;
  std::map<Reason, uint64_t> seen_;
  uint64_t packets_ = 0, allowed_ = 0, stood_in_ = 0;
};

TEST_F(ThreeVerdicts, AgreeOverCommandsPacketsAndTime) {
  const uint64_t steps = from_environment("WEFT_STEPS", 100'000);
  std::printf("WEFT_SEED=%llu WEFT_STEPS=%llu\n", static_cast<unsigned long long>(seed_),
              static_cast<unsigned long long>(steps));
  for (uint64_t step = 0; step < steps && !HasFatalFailure(); ++step) {
    SCOPED_TRACE(fmt::format("step {} of WEFT_SEED={}", step, seed_));
    const uint64_t dice = rng_.below(100);
    if (dice < 8) {
      command();
    } else if (dice < 18) {
      wait();
    } else if (dice < 19) {
      sweep();
    } else if (dice < 20) {
      revoke();
    } else if (dice < 21 && rng_.one_in(3)) {
      flood();
    } else if (dice < 22) {
      carry_out(world_.hand_over(state_));
    } else {
      packet();
    }
    if (step % 64 == 0) {
      const auto flows = kernel_->flows();
      ASSERT_TRUE(flows.ok());
      ASSERT_EQ(*flows, by_nouns_.flows().size());
    }
  }
  if (HasFatalFailure()) return;
  std::printf("%llu packets, %llu allowed\n", static_cast<unsigned long long>(packets_),
              static_cast<unsigned long long>(allowed_));
  std::printf("%llu slots taken over\n", static_cast<unsigned long long>(kernel_->slots_taken_over()));
  EXPECT_GE(kernel_->slots_taken_over() * 500, steps) << "too few slots change hands to mean anything";
  std::printf("%llu of flows to who stands in for another\n", static_cast<unsigned long long>(stood_in_));
  EXPECT_GE(stood_in_ * 10000, packets_);
  EXPECT_GE(allowed_ * 10, packets_ * 3) << "too few packets pass to mean anything";
  for (const Reason reason :
       {Reason::RuleMatch, Reason::Established, Reason::Related, Reason::Resolver, Reason::SourceCheck,
        Reason::EgressDenied, Reason::IngressDenied, Reason::NoRoute, Reason::NoEndpoint, Reason::Revoked,
        Reason::FlowQuota, Reason::GatewaySource, Reason::Multicast, Reason::AclDenied, Reason::Blackhole}) {
    std::printf("  %-16s %5.2f %%\n", std::string(model::text_of(reason)).c_str(),
                100.0 * static_cast<double>(seen_[reason]) / static_cast<double>(packets_));
    EXPECT_GE(seen_[reason] * 100, packets_) << "too few packets end as " << model::text_of(reason);
  }
}

}  // namespace
}  // namespace weft::datapath
