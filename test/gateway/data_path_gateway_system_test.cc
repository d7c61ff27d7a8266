// A whole machine: the data path judges, the gateways carry in and out.
#include <gmock/gmock.h>

#include "bpf/gateway_abi.h"
#include "datapath/datapath.h"
#include "gateway/rig.h"
#include "os/clock.h"
#include "os/conversation.h"

namespace weft::gateway {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

class WholeMachine : public Rig {
 protected:
  void build_inside() override {
    auto opened = datapath::Datapath::open(datapath_options());
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    datapath_ = std::move(*opened);
    instance_ = *os::open_netns("weft");
  }
  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(datapath::Datapath::remove_all(datapath_options()).ok());
    Rig::TearDown();
  }
  static datapath::Datapath::Options datapath_options() {
    return {.names = {}, .pins = "/run/bpf/data", .self = kSelf, .most_flows = 4096};
  }

  void update(const World& world) {
    const model::State state = world.state();
    datapath_->update(state, state.everything(), {os::now_wall(), os::now_boot()});
    EXPECT_TRUE(datapath_->problems().empty());
    web_ = *os::open_netns(datapath::Names{}.netns_of(kWeb));
    safe_ = *os::open_netns(datapath::Names{}.netns_of(kSafe));
    reconcile(state);
  }
  void connect_instance() override {
    EXPECT_TRUE(datapath_->know_machine(gateways().desired()->machine()).ok());
    for (const auto& [vpc, index] : outcome_.devices) {
      const auto set = datapath_->set_gateway(vpc, index);
      EXPECT_TRUE(set.ok()) << set.error().what;
    }
  }

  std::unique_ptr<datapath::Datapath> datapath_;
};

TEST_F(WholeMachine, ReachesOut) {
  update({});
  const Answerer tcp(outside_, "outside", {kOutside, 0}), udp(outside_, "outside", {kOutside, 0, Kind::Udp});
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", kOutside}), HasSubstr("1 received"));
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-s", "4000", kOutside}), HasSubstr("1 received"));
  EXPECT_EQ(call(web_, {kOutside, tcp.port()}), "outside " + kMachine);
  EXPECT_EQ(call(web_, {kOutside, udp.port(), Kind::Udp}), "outside " + kMachine);
  EXPECT_EQ(call(web_, {kOutside, 9, Kind::Udp}), "refused");
  EXPECT_EQ(call(safe_, {kOutside, tcp.port()}), "refused");
}

// Who tries IPv6 first goes on to IPv4 at once.
TEST_F(WholeMachine, WhereNothingLeadsTheSenderIsTold) {
  update({});
  EXPECT_EQ(call(web_, {kOutside6, 80}), "refused");
  EXPECT_EQ(call(web_, {kOutside6, 9, Kind::Udp}), "refused");
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W1", kOutside6}), HasSubstr("Administratively prohibited"));
  EXPECT_EQ(call(web_, {"169.254.169.254", 80}), "refused");
  EXPECT_EQ(call(safe_, {kOutside, 9, Kind::Udp}), "refused");
  EXPECT_THAT(run(safe_, {"ping", "-c1", "-W1", kOutside}), HasSubstr("Packet filtered"));
}

TEST_F(WholeMachine, ErrorsOnTheWayComeBack) {
  ip(router_, "link set far mtu 1300");
  update({});
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-M", "do", "-s", "1300", kOutside}), HasSubstr("mtu = 1300"));
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-t1", kOutside}), HasSubstr("From 10.0.1.1"));
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-t2", kOutside}), HasSubstr("Time to live exceeded"));
}

TEST_F(WholeMachine, TheResolverAnswersUnderEveryAddressOfIt) {
  const Answerer udp4(outside_, "dns", {kOutside, 53, Kind::Udp}), tcp4(outside_, "dns", {kOutside, 53});
  const Answerer udp6(outside_, "dns", {kOutside6, 53, Kind::Udp}), tcp6(outside_, "dns", {kOutside6, 53});
  update({});
  for (const std::string resolver : {"10.0.1.2", "169.254.169.253", "fd12:3456:789a:100::2", "fd00:ec2::253"}) {
    EXPECT_THAT(call(web_, {resolver, 53, Kind::Udp}), HasSubstr("dns")) << resolver;
    EXPECT_THAT(call(web_, {resolver, 53}), HasSubstr("dns")) << resolver;
  }
  EXPECT_THAT(call(safe_, {"10.0.1.2", 53, Kind::Udp}), HasSubstr("dns"));
}

TEST_F(WholeMachine, PublishedPortsFromEverywhere) {
  update({.publish = kPorts});
  const Answerer tcp4(web_, "web", {kInside, 80}), tcp6(web_, "web", {kInside6, 80});
  const Answerer udp4(web_, "web", {kInside, 53, Kind::Udp}), udp6(web_, "web", {kInside6, 53, Kind::Udp});
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  EXPECT_EQ(call(outside_, {kMachine6, 8080}), "web " + kOutside6);
  EXPECT_EQ(call(outside_, {kMachine, 5353, Kind::Udp}), "web " + kOutside);
  EXPECT_EQ(call(outside_, {kMachine6, 5353, Kind::Udp}), "web " + kOutside6);
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}), "web " + kRouter);
  EXPECT_EQ(call(machine_, {"::1", 8080}), "web " + kRouter6);
  EXPECT_EQ(call_unconnected(machine_, {"127.0.0.1", 5353, Kind::Udp}).peer, "127.0.0.1");
  EXPECT_EQ(call(web_, {kMachine, 8080}), "web " + kRouter);
  EXPECT_EQ(call(web_, {kMachine6, 8080}), "web " + kRouter6);
}

// Who is behind a gateway is told at once what doesn't pass it.
TEST_F(WholeMachine, TheMachinesOwnPortsAreRefused) {
  for (const net::Prefix& range : {prefix("fd12:3456:789a:100::/56"), prefix("2001:db8:77::/56")}) {
    update({.publish = kPorts, .shop6 = range});
    const bool routed = range == prefix("2001:db8:77::/56");
    const Answerer tcp4(machine_, "machine", {kMachine, 0}), tcp6(machine_, "machine", {kMachine6, 0});
    EXPECT_EQ(call(web_, {kMachine, tcp4.port()}), "refused");
    EXPECT_EQ(call(web_, {kMachine6, tcp6.port()}), "refused") << routed;
    EXPECT_THAT(run(web_, {"ping", "-c1", "-W1", kMachine}), HasSubstr("Packet filtered"));
    EXPECT_THAT(run(web_, {"ping", "-c1", "-W1", kMachine6}), HasSubstr("Administratively prohibited"));
    EXPECT_EQ(call(web_, {kMachine, 9, Kind::Udp}), "refused");
    EXPECT_EQ(call(web_, {kMachine6, 9, Kind::Udp}), "refused");
    EXPECT_GT(gateways().drops()->at(abi::BORDER_MACHINE), 0u);
  }
}

// The machine's end towards its gateways is nobody's to call.
TEST_F(WholeMachine, WhatGatewaysKnowOfTheMachineIsClosed) {
  update({.shop6 = prefix("2001:db8:77::/56")});
  const Answerer inside(machine_, "machine", {"fd77:6566:7467::1", 0});
  EXPECT_EQ(call(web_, {"fd77:6566:7467::1", inside.port()}), "refused");
}

TEST_F(WholeMachine, AnotherVpcsPublishedPortIsReachedByTheMachinesAddress) {
  update({.publish = kPorts, .vault = model::Internet::Attached});
  const Answerer web(web_, "web", {kInside, 80});
  EXPECT_EQ(call(safe_, {kMachine, 8080}), "web " + kMachine);
}

TEST_F(WholeMachine, TheResolverRefusesWithoutANameServerOfTheFamily) {
  ASSERT_TRUE(
      os::write_file_atomic(options_.resolv_conf, "nameserver 198.51.100.7\n", 0644, os::Durability::Cached).ok());
  const Answerer dns(outside_, "dns", {kOutside, 53, Kind::Udp});
  update({});
  EXPECT_THAT(call(web_, {"10.0.1.2", 53, Kind::Udp}), HasSubstr("dns"));
  for (const std::string resolver : {"fd12:3456:789a:100::2", "fd00:ec2::253"}) {
    EXPECT_EQ(call(web_, {resolver, 53, Kind::Udp}), "refused") << resolver;
    EXPECT_EQ(call(web_, {resolver, 53}), "refused") << resolver;
  }
}

TEST_F(WholeMachine, GroupsGovernPublishedPorts) {
  const model::Publication closed{.address = {}, .port = 9090, .target_port = 90, .protocol = model::kTcp};
  update({.publish = {closed}});
  const Answerer web(web_, "web", {kInside, 90});
  EXPECT_EQ(call(outside_, {kMachine, 9090}, Expect::Silence), "silence");
  EXPECT_EQ(call(machine_, {"127.0.0.1", 9090}, Expect::Silence), "silence");
}

TEST_F(WholeMachine, TheMachineCallsStraightWhereItHasAnInterface) {
  update({.publish = kPorts, .machine_in_shop = true});
  const Answerer tcp(web_, "web", {kInside, 80}), udp(web_, "web", {kInside, 53, Kind::Udp});
  const Called called = call_connected(machine_, {"127.0.0.1", 8080});
  EXPECT_EQ(called.answer, "web 10.0.1.200");
  EXPECT_EQ(called.peer, "127.0.0.1");
  EXPECT_EQ(call_unconnected(machine_, {kMachine, 5353, Kind::Udp}).answer, "web 10.0.1.200");
  EXPECT_EQ(call(machine_, {kInside, 80}), "web 10.0.1.200");
}

// The notice passes the translation like any packet of the flow.
TEST_F(WholeMachine, WhoIsOutsideIsToldOfACutToo) {
  for (const bool six : {false, true}) {
    const auto start = [&](int type, uint16_t port, uint16_t inside) {
      return os::Conversation::start(type, outside_, {*net::Address::parse(six ? kMachine6 : kMachine), port}, web_,
                                     {*net::Address::parse(six ? kInside6 : kInside), inside});
    };
    update({.publish = kPorts});
    const auto tcp = start(SOCK_STREAM, 8080, 80);
    ASSERT_TRUE(tcp.ok()) << tcp.error().what;
    const auto udp = start(SOCK_DGRAM, 5353, 53);
    ASSERT_TRUE(udp.ok()) << udp.error().what;
    update({.publish = kPorts, .closed = true});
    EXPECT_TRUE(os::Conversation::say(tcp->server));
    EXPECT_EQ(os::Conversation::told(tcp->client), ECONNRESET);
    EXPECT_EQ(os::Conversation::told(tcp->server), ECONNRESET);
    EXPECT_TRUE(os::Conversation::say(udp->client));
    EXPECT_EQ(os::Conversation::told(udp->client), six ? EACCES : EHOSTUNREACH);
  }
}

}  // namespace
}  // namespace weft::gateway
