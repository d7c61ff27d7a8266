// The life of flows, told packet by packet.
#include "model/flow_judge.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace weft::model {
namespace {

using net::Address;
using net::Prefix;
using std::chrono::seconds;

constexpr TcpFlags kSyn{.syn = true};
constexpr TcpFlags kSynAck{.syn = true, .ack = true};
constexpr TcpFlags kAck{.ack = true};
constexpr TcpFlags kFin{.ack = true, .fin = true};
constexpr TcpFlags kRst{.rst = true};

// Two TNIs in one VPC; the client's group allows all out, the server's nothing
// in until a test says so.
class FlowJudgeTest : public ::testing::Test {
 protected:
  FlowJudgeTest() {
    put(with_border({.id = vpc_,
                     .name = "v",
                     .cidrs = {*Prefix::parse("10.0.0.0/16")},
                     .default_group = clients_,
                     .internet = Internet::Attached}) +
        std::vector<Object>{
            Machine{.id = machine_, .name = "m"}, Group{.id = clients_, .name = "clients", .vpc = vpc_},
            Group{.id = servers_, .name = "servers", .vpc = vpc_},
            Subnet{.id = subnet_, .name = "s", .vpc = vpc_, .cidr = *Prefix::parse("10.0.0.0/24")},
            Workload{.id = {"w-0000000000000001"}, .name = "w1", .machine = machine_, .kind = WorkloadKind::External},
            Workload{.id = {"w-0000000000000002"}, .name = "w2", .machine = machine_, .kind = WorkloadKind::External}});
    put({tni(client_, 1, "10.0.0.4", clients_), tni(server_, 2, "10.0.0.5", servers_)});
    put({Rule{.id = RuleId::of(1), .group = clients_, .direction = Direction::Out, .peer = any_}});
  }

  Tni tni(const TniId& id, int number, const char* ip, const GroupId& group) {
    const std::string digit = std::to_string(number);
    return {.id = id,
            .name = "t" + digit,
            .vpc = vpc_,
            .subnet = subnet_,
            .mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(number)}},
            .ip = *Address::parse(ip),
            .groups = {group},
            .machine = machine_,
            .workload = {"w-000000000000000" + digit}};
  }
  void put(std::vector<Object> objects) {
    Command command;
    for (Object& object : objects) command.operations.emplace_back(Put{std::move(object)});
    const auto done = state_.apply(command);
    ASSERT_TRUE(done.ok()) << done.error().what;
  }
  void remove(AnyId id) {
    const auto done = state_.apply({.operations = {Remove{std::move(id)}}});
    ASSERT_TRUE(done.ok()) << done.error().what;
  }
  Rule allow_in(uint64_t number) {
    return {.id = RuleId::of(number), .group = servers_, .traffic = *Traffic::parse("all"), .peer = clients_};
  }

  std::string step(const Packet& packet) { return std::string(text_of(judge_.step(state_, now_, packet).reason)); }
  Packet packet(uint8_t protocol, TcpFlags flags = {}) {
    return {.vpc = vpc_,
            .sender = client_,
            .source = {*Address::parse("10.0.0.4"), 5000},
            .target = {*Address::parse("10.0.0.5"), 80},
            .protocol = protocol,
            .selector = 80,
            .tcp = flags};
  }
  Packet answer(uint8_t protocol, TcpFlags flags = {}) {
    Packet back = packet(protocol, flags);
    std::swap(back.source, back.target);
    back.sender = server_;
    back.selector = 5000;
    return back;
  }
  std::string send(uint8_t protocol, TcpFlags flags = {}) { return step(packet(protocol, flags)); }
  std::string reply(uint8_t protocol, TcpFlags flags = {}) { return step(answer(protocol, flags)); }
  void wait(seconds duration) { now_ = now_ + duration; }

  State state_;
  base::WallTime now_{1'000'000'000};
  FlowJudge judge_{{.most_flows = 64}};
  const MachineId machine_{"m-0000000000000001"};
  const VpcId vpc_{"vpc-0000000000000001"};
  const SubnetId subnet_{"subnet-0000000000000001"};
  const GroupId clients_{"sg-0000000000000001"}, servers_{"sg-0000000000000002"};
  const TniId client_{"tni-0000000000000001"}, server_{"tni-0000000000000002"};
  const Peer any_ = Prefix::any(net::Family::V4);
};

TEST_F(FlowJudgeTest, AnswersPassWithoutARuleAndNothingElseDoes) {
  EXPECT_EQ(send(kUdp), "ingress-denied");
  EXPECT_EQ(reply(kUdp), "egress-denied");
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  EXPECT_EQ(reply(kUdp), "established");
  EXPECT_EQ(send(kUdp), "established");
  EXPECT_EQ(reply(kTcp), "egress-denied");
}

TEST_F(FlowJudgeTest, UdpLivesLongerOnceItWasAnswered) {
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  wait(seconds(30));
  EXPECT_EQ(reply(kUdp), "egress-denied");
  EXPECT_EQ(send(kUdp), "rule");
  EXPECT_EQ(reply(kUdp), "established");
  wait(seconds(179));
  EXPECT_EQ(reply(kUdp), "established");
  wait(seconds(180));
  EXPECT_EQ(reply(kUdp), "egress-denied");
}

TEST_F(FlowJudgeTest, TcpIsEstablishedByItsThirdPacketAndClosesWithBothFins) {
  put({allow_in(2)});
  EXPECT_EQ(send(kTcp, kSyn), "rule");
  EXPECT_EQ(reply(kTcp, kSynAck), "established");
  wait(seconds(59));
  EXPECT_EQ(send(kTcp, kAck), "established");
  wait(seconds(431'999));
  EXPECT_EQ(send(kTcp, kFin), "established");
  wait(seconds(1000));
  EXPECT_EQ(reply(kTcp, kFin), "established");
  wait(seconds(59));
  EXPECT_EQ(send(kTcp, kAck), "established");
  wait(seconds(60));
  EXPECT_EQ(reply(kTcp, kAck), "egress-denied");
}

TEST_F(FlowJudgeTest, ASynReopensAClosingFlowByTheRulesOfItsSender) {
  put({allow_in(2)});
  EXPECT_EQ(send(kTcp, kSyn), "rule");
  EXPECT_EQ(reply(kTcp, kRst), "established");
  EXPECT_EQ(send(kTcp, kSyn), "rule");
  EXPECT_EQ(send(kTcp, kRst), "established");
  EXPECT_EQ(reply(kTcp, kSyn), "egress-denied");
  EXPECT_EQ(send(kTcp, kAck), "rule");
}

TEST_F(FlowJudgeTest, AResetOpensNothing) {
  put({allow_in(2)});
  EXPECT_EQ(send(kTcp, kRst), "rule");
  EXPECT_EQ(reply(kTcp, kRst), "egress-denied");
}

TEST_F(FlowJudgeTest, RevocationCutsAtTheNextPacketOfEitherEnd) {
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  remove(RuleId::of(2));
  EXPECT_EQ(reply(kUdp), "revoked");
  EXPECT_EQ(send(kUdp), "revoked");
  now_ = now_ + seconds(59);
  EXPECT_EQ(reply(kUdp), "revoked") << "and is told so";
  now_ = now_ + seconds(1);
  EXPECT_EQ(reply(kUdp), "egress-denied");
  EXPECT_EQ(send(kUdp), "ingress-denied");
}

TEST_F(FlowJudgeTest, ACutFlowGoesOnIfItIsAllowedAgain) {
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  remove(RuleId::of(2));
  EXPECT_EQ(reply(kUdp), "revoked");
  put({allow_in(2)});
  EXPECT_EQ(reply(kUdp), "established");
}

TEST_F(FlowJudgeTest, ANewConnectionOnTheWayOfACutOneIsJudgedAsNew) {
  put({allow_in(2)});
  EXPECT_EQ(send(kTcp, kSyn), "rule");
  remove(RuleId::of(2));
  EXPECT_EQ(send(kTcp, kAck), "revoked");
  EXPECT_EQ(send(kTcp, kSyn), "ingress-denied");
  EXPECT_EQ(send(kTcp, kAck), "ingress-denied") << "the cut one is forgotten";
}

TEST_F(FlowJudgeTest, AGroupThatKeepsFlowsKeepsThemButOpensNone) {
  put({allow_in(2), Group{.id = servers_, .name = "servers", .vpc = vpc_, .on_revoke = OnRevoke::Keep}});
  EXPECT_EQ(send(kUdp), "rule");
  remove(RuleId::of(2));
  EXPECT_EQ(send(kUdp), "established");
  EXPECT_EQ(reply(kUdp), "established");
  EXPECT_EQ(send(kTcp, kSyn), "ingress-denied");
  remove(RuleId::of(1));
  EXPECT_EQ(send(kUdp), "revoked");
}

TEST_F(FlowJudgeTest, ARuleThatExpiresEndsItsFlowsEvenKeptOnes) {
  Rule rule = allow_in(2);
  rule.until = now_ + seconds(10);
  put({rule, Group{.id = servers_, .name = "servers", .vpc = vpc_, .on_revoke = OnRevoke::Keep}});
  EXPECT_EQ(send(kUdp), "rule");
  remove(rule.id);
  wait(seconds(9));
  EXPECT_EQ(send(kUdp), "established");
  wait(seconds(1));
  EXPECT_EQ(send(kUdp), "revoked");
}

TEST_F(FlowJudgeTest, FlowsDontFollowATniThatIsAttachedAnew) {
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  Tni moved = tni(client_, 1, "10.0.0.4", clients_);
  moved.epoch = 2;
  put({moved});
  EXPECT_EQ(reply(kUdp), "egress-denied");
  EXPECT_EQ(send(kUdp), "rule");
}

TEST_F(FlowJudgeTest, AnAddressWithANewHolderIsNotBoundByTheOldOnesFlows) {
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  Tni one = tni(client_, 1, "10.0.0.9", clients_), two = tni(server_, 2, "10.0.0.4", clients_);
  put({one, two});
  Packet taken = packet(kUdp);
  taken.sender = server_;
  EXPECT_EQ(step(taken), "no-endpoint");
  EXPECT_EQ(send(kUdp), "source-check");
}

TEST_F(FlowJudgeTest, AnIcmpErrorPassesFromTheFlowsOtherEndOnly) {
  put({allow_in(2)});
  EXPECT_EQ(send(kUdp), "rule");
  Packet error{
      .vpc = vpc_,
      .sender = server_,
      .source = {*Address::parse("10.0.0.5"), 0x0303},
      .target = {*Address::parse("10.0.0.4"), 0x0303},
      .protocol = kIcmp,
      .icmp = IcmpKind::Other,
      .selector = 0x0303,
      .inner = InnerPacket{.protocol = kUdp, .source_port = 5000, .target = {*Address::parse("10.0.0.5"), 80}}};
  EXPECT_EQ(step(error), "related");
  Packet other_port = error;
  other_port.inner->source_port = 5001;
  EXPECT_EQ(step(other_port), "egress-denied");
  Packet from_outside = error;
  from_outside.sender = {};
  from_outside.source.address = *Address::parse("192.0.2.1");
  EXPECT_EQ(step(from_outside), "ingress-denied");
  Packet forged = error;
  forged.source.address = *Address::parse("10.0.0.77");
  EXPECT_EQ(step(forged), "source-check");
  remove(RuleId::of(2));
  EXPECT_EQ(step(error), "egress-denied");
}

TEST_F(FlowJudgeTest, WhoWasAskedMayReplyAndNotAskInTurn) {
  put({allow_in(2)});
  Packet request = packet(kIcmp);
  request.source.port = request.target.port = 7;
  request.icmp = IcmpKind::Request;
  request.selector = 8 << 8;
  Packet reply = request;
  std::swap(reply.source, reply.target);
  reply.sender = server_;
  reply.icmp = IcmpKind::Reply;
  reply.selector = 0;
  EXPECT_EQ(step(reply), "egress-denied");
  EXPECT_EQ(step(request), "rule");
  EXPECT_EQ(step(reply), "established");
  reply.icmp = IcmpKind::Request;
  reply.selector = 8 << 8;
  EXPECT_EQ(step(reply), "egress-denied");
  // An unasked reply that the rules allow is no question either.
  request.source.port = request.target.port = reply.source.port = reply.target.port = 8;
  request.icmp = IcmpKind::Reply;
  request.selector = 0;
  EXPECT_EQ(step(request), "rule");
  EXPECT_EQ(step(reply), "egress-denied");
}

TEST_F(FlowJudgeTest, TheResolverIsExemptAndAnswers) {
  remove(RuleId::of(1));
  Packet query = packet(kUdp);
  query.target = {*Address::parse("10.0.0.2"), 53};
  query.selector = 53;
  EXPECT_EQ(step(query), "resolver");
  Packet back = query;
  std::swap(back.source, back.target);
  back.sender = {};
  EXPECT_EQ(step(back), "established");
  query.target.port = query.selector = 54;
  EXPECT_EQ(step(query), "egress-denied");
}

TEST_F(FlowJudgeTest, NothingGoesFromOutsideToOutside) {
  Packet through = packet(kUdp);
  through.sender = {};
  through.source.address = *Address::parse("192.0.2.1");
  through.target.address = *Address::parse("192.0.2.2");
  EXPECT_EQ(step(through), "no-route");
  through.source.address = *Address::parse("10.0.0.4");
  EXPECT_EQ(step(through), "gateway-source");
}

TEST_F(FlowJudgeTest, ATniMayHaveAQuarterOfWhatIsFree) {
  put({allow_in(2)});
  Packet flood = packet(kUdp);
  size_t opened = 0;
  for (; step(flood) == "rule"; ++opened) ++flood.source.port;
  EXPECT_EQ(opened, 13u);  // 13 >= (64 - 13) / 4
  EXPECT_EQ(step(flood), "flow-quota");
  put({Rule{.id = RuleId::of(3), .group = servers_, .direction = Direction::Out, .peer = any_},
       Rule{.id = RuleId::of(4), .group = clients_, .direction = Direction::In, .peer = any_}});
  Packet other = answer(kUdp);
  other.source.port = 9999;
  EXPECT_EQ(step(other), "rule");
  wait(seconds(30));
  EXPECT_EQ(step(flood), "flow-quota") << "an ended flow counts until it is swept";
  judge_.sweep(state_, now_);
  EXPECT_TRUE(judge_.flows().empty());
  EXPECT_EQ(step(flood), "rule");
}

// What a gateway would have to drop is judged before it gets there.
TEST_F(FlowJudgeTest, OutsideIsOnlyWhatTheGatewayCanReach) {
  uint16_t port = 5000;
  const auto sent = [&](const char* target, uint8_t protocol, uint16_t selector) {
    Packet out = packet(protocol);
    out.source.port = ++port;
    out.target.address = *Address::parse(target);
    out.selector = selector;
    return step(out);
  };
  EXPECT_EQ(sent("192.0.2.7", kTcp, 80), "rule");
  EXPECT_EQ(sent("192.0.2.7", kIcmp, 8 << 8), "rule");
  EXPECT_EQ(sent("192.0.2.7", kIcmp, 5 << 8), "no-route");
  EXPECT_EQ(sent("192.0.2.7", 47, 0), "no-route");
  EXPECT_EQ(sent("169.254.169.254", kTcp, 80), "no-route");
  for (const char* nobody : {"0.0.0.1", "127.0.0.1"}) EXPECT_EQ(sent(nobody, kTcp, 80), "no-route") << nobody;
  for (const char* many : {"224.0.0.1", "240.0.0.1", "255.255.255.255"}) EXPECT_EQ(sent(many, kUdp, 80), "multicast");
}

TEST_F(FlowJudgeTest, PrivateIpv6ReachesTheMachineAndNothingElseOutside) {
  Vpc vpc = state_.get(vpc_);
  Subnet subnet = state_.get(subnet_);
  Tni client = state_.get(client_);
  vpc.cidr6 = *Prefix::parse("fd00:77::/56");
  subnet.cidr6 = *Prefix::parse("fd00:77::/64");
  client.ip6 = *Address::parse("fd00:77::4");
  put({vpc, subnet, client,
       Rule{
           .id = RuleId::of(7), .group = clients_, .direction = Direction::Out, .peer = Prefix::any(net::Family::V6)}});
  Opening opening{.vpc = vpc_,
                  .sender = client_,
                  .source = *client.ip6,
                  .target = *Address::parse("2001:db8:1::10"),
                  .protocol = kTcp,
                  .selector = 80};
  EXPECT_EQ(judge(state_, now_, opening).reason, Reason::NoRoute);
  EXPECT_EQ(exit_of(state_, opening), Exit::PrivateRange);
  opening.outside = Outside::Machine;
  EXPECT_EQ(judge(state_, now_, opening).reason, Reason::RuleMatch);
}

}  // namespace
}  // namespace weft::model
