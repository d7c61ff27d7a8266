#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include "gateway/rig.h"
#include "os/netlink_address.h"
#include "os/netlink_link.h"
#include "os/netlink_tc.h"

namespace weft::gateway {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Life : public Rig {
 protected:
  std::vector<std::string> planned(const model::State& state) {
    std::vector<std::string> lines;
    const auto plan = gateways().plan(state, kSelf);
    EXPECT_TRUE(plan.ok()) << plan.error().what;
    for (const Step& step : *plan) lines.push_back(text_of(step));
    return lines;
  }
  // As the data path does.
  void put_machine_in_shop() {
    ip(machine_,
       "link add weft0 type veth peer name tnim netns instance\naddr add 10.0.1.200/32 dev weft0\n"
       "link set weft0 up");
    ip(instance_, "link set tnim up\nroute add 10.0.1.200 dev tnim table 201\nrule add iif tnim lookup 101");
    ip(machine_, "route add 10.0.1.0/24 dev weft0 src 10.0.1.200");
    for (const char* name : {"ipv4/conf/tnim/proxy_arp", "ipv4/conf/all/proxy_arp"}) {
      ASSERT_TRUE(os::write_sysctl(instance_, name, "1").ok());
    }
  }
  const model::State published_ = World{.publish = kPorts}.state();

  // A link of the machine to the namespace "beside", which is no way out.
  void add_lan(const os::Fd& beside, int i) {
    ip(machine_, fmt::format("link add lan{0} type veth peer name eth{0} netns beside\n"
                             "addr add 172.17.{0}.1/24 dev lan{0}\nlink set lan{0} up",
                             i));
    ip(beside, fmt::format("addr add 172.17.{0}.2/24 dev eth{0}\nlink set eth{0} up\n"
                           "route replace default via 172.17.{0}.1",
                           i));
  }

  struct Damage {
    const os::Fd* where;  // kGateway: the gateway's namespace, which some of it replaces
    std::vector<std::string> argv;
    std::string text() const { return fmt::format("{}", fmt::join(argv, " ")); }
  };
  static constexpr const os::Fd* kGateway = nullptr;
  // To what is inside the gateway; none of it ends a connection.
  static std::vector<Damage> damages_inside() {
    return {{kGateway, {"nft", "flush", "ruleset"}},
            {kGateway, {"ip", "route", "flush", "table", "main"}},
            {kGateway, {"ip", "neigh", "flush", "nud", "permanent"}},
            {kGateway, {"ip", "addr", "flush", "dev", "in"}},
            {kGateway, {"ip", "link", "set", "out", "down"}},
            {kGateway, {"sysctl", "-qw", "net.ipv4.ip_forward=0"}}};
  }
  void make(const Damage& damage) {
    const os::Fd inside = *os::open_netns("weft-gw-0000000000000011");
    EXPECT_EQ(run(damage.where == kGateway ? inside : *damage.where, damage.argv), "") << damage.text();
  }
};

TEST_F(Life, ASecondTurnFindsNothingToDo) {
  reconcile(published_);
  EXPECT_THAT(problems(), ::testing::ElementsAre(HasSubstr("private IPv6 range")));
  EXPECT_THAT(planned(published_), IsEmpty());
}

TEST_F(Life, ANewDaemonAdoptsAllOfItUnderTraffic) {
  const Answerer web(web_, "web", {kInside, 80});
  reconcile(published_);
  const std::string filters = run(machine_, {"tc", "filter", "show", "dev", "eth0", "ingress"});
  const std::string rules = run(*os::open_netns("weft-gw-0000000000000011"), {"nft", "-a", "list", "ruleset"});
  restart();
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  reconcile(published_);
  EXPECT_THAT(outcome_.done, IsEmpty());
  EXPECT_EQ(run(machine_, {"tc", "filter", "show", "dev", "eth0", "ingress"}), filters);
  EXPECT_EQ(run(*os::open_netns("weft-gw-0000000000000011"), {"nft", "-a", "list", "ruleset"}), rules);
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}), "web " + kRouter);
}

TEST_F(Life, WhatOthersBreakIsMended) {
  const Answerer web(web_, "web", {kInside, 80});
  reconcile(published_);
  std::vector<Damage> damages = damages_inside();
  const std::vector<Damage> others = {
      {&machine_, {"tc", "filter", "del", "dev", "eth0", "ingress"}},
      {&machine_, {"tc", "qdisc", "del", "dev", "eth0", "clsact"}},
      {&machine_, {"tc", "filter", "del", "dev", "weft-gw1", "ingress"}},
      {&machine_, {"ip", "link", "del", "weft-gw1"}},
      {&instance_, {"ip", "link", "del", "gw1"}},
      {&machine_, {"ip", "netns", "del", "weft-gw-0000000000000011"}},
      {&machine_, {"sysctl", "-qw", "net.ipv4.ip_local_reserved_ports="}},
  };
  damages.insert(damages.end(), others.begin(), others.end());
  for (const Damage& damage : damages) {
    const std::string line = damage.text();
    make(damage);
    EXPECT_THAT(planned(published_), Not(IsEmpty())) << line;
    reconcile(published_);
    EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside) << line;
    EXPECT_THAT(planned(published_), IsEmpty()) << line;
  }
}

// The devices and the namespace stay, and with them what the kernel knows of its
// connections.
TEST_F(Life, ConnectionsOutliveTheRepair) {
  reconcile(published_);
  std::vector<Damage> damages = damages_inside();
  const std::vector<Damage> others = {
      {kGateway, {"ip", "link", "set", "in", "down"}},
      {&instance_, {"ip", "link", "set", "gw1", "down"}},
      {&machine_, {"ip", "link", "set", "weft-gw1", "down"}},
      {&machine_, {"tc", "filter", "del", "dev", "weft-gw1", "ingress"}},
      {&machine_, {"tc", "qdisc", "del", "dev", "eth0", "clsact"}},
      {&machine_, {"ip", "netns", "del", "weft-gw-0000000000000011"}},
      {&machine_, {"sh", "-c", "rm /run/bpf/weft/border-*/*"}},
  };
  damages.insert(damages.end(), others.begin(), others.end());
  for (const Damage& damage : damages) {
    const std::string line = damage.text();
    Call call(outside_, web_, {kMachine, 8080}, {kInside, 80});
    ASSERT_TRUE(call.goes_on()) << line;
    make(damage);
    reconcile(published_);
    EXPECT_THAT(outcome_.repaired, Not(IsEmpty())) << line;
    EXPECT_TRUE(call.goes_on()) << line;
    reconcile(published_);
    EXPECT_THAT(outcome_.done, IsEmpty()) << line;
    EXPECT_THAT(outcome_.repaired, IsEmpty()) << line;
  }
}

TEST_F(Life, WhatFollowsFromAChangeIsNoRepair) {
  reconcile(World().state());
  EXPECT_THAT(outcome_.done, Not(IsEmpty()));
  EXPECT_THAT(outcome_.repaired, IsEmpty());
  reconcile(published_);
  EXPECT_THAT(outcome_.done, Not(IsEmpty()));
  EXPECT_THAT(outcome_.repaired, IsEmpty());
  ip(machine_, "addr add 192.0.2.11/24 dev eth0");
  reconcile(published_);
  EXPECT_THAT(outcome_.done, Not(IsEmpty()));
  EXPECT_THAT(outcome_.repaired, IsEmpty());
}

TEST_F(Life, APortThatIsNoLongerPublishedIsClosed) {
  const Answerer web(web_, "web", {kInside, 80});
  reconcile(published_);
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  reconcile(World().state());
  EXPECT_EQ(call(outside_, {kMachine, 8080}, Expect::Silence), "refused");  // by the machine itself
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}, Expect::Silence), "refused");
  EXPECT_EQ(*os::read_sysctl(machine_, kReservedPorts), "61056-62143");
}

TEST_F(Life, TheLastGatewayTakesEverythingWithIt) {
  reconcile(published_);
  reconcile(model::State());
  EXPECT_EQ(run(machine_, {"tc", "qdisc", "show", "dev", "eth0", "clsact"}), "");
  EXPECT_EQ(*os::read_sysctl(machine_, kReservedPorts), "");
  EXPECT_THAT(*os::list_netns("weft-gw-"), IsEmpty());
  EXPECT_THAT(run(machine_, {"ip", "link"}), Not(HasSubstr("weft")));
}

TEST_F(Life, OthersHooksAndFiltersStay) {
  const auto others = Programs::open("/run/bpf/others");
  ASSERT_TRUE(others.ok());
  os::Netlink netlink = *os::Netlink::open();
  const int link = *os::link_index(netlink, "eth0");
  const os::FilterPlace theirs{.link = link, .priority = 1};
  ASSERT_TRUE(netlink
                  .apply({os::put_clsact(link),
                          os::put_filter(theirs, (*others)->from_uplink(), "theirs", os::Create::Exclusive)})
                  .ok());
  const auto before = *os::read_filters(netlink, link);
  reconcile(published_);
  EXPECT_EQ(os::read_filters(netlink, link)->size(), 2u);
  reconcile(model::State());
  EXPECT_EQ(*os::read_filters(netlink, link), before);

  // They go while ours is there: their hooks stay, being theirs.
  reconcile(published_);
  ASSERT_TRUE(netlink.apply({os::remove_filter(theirs)}).ok());
  EXPECT_TRUE(Gateways::remove_all(options_).ok());
  EXPECT_THAT(run(machine_, {"tc", "qdisc", "show", "dev", "eth0"}), HasSubstr("clsact"));
  EXPECT_TRUE(Programs::remove_pins("/run/bpf/others").ok());
}

TEST_F(Life, HooksOfOursStayForWhoUsesThem) {
  const auto others = Programs::open("/run/bpf/others");
  ASSERT_TRUE(others.ok());
  os::Netlink netlink = *os::Netlink::open();
  const int link = *os::link_index(netlink, "eth0");
  reconcile(published_);
  const os::FilterPlace theirs{.link = link, .hook = os::Hook::Egress, .priority = 1};
  ASSERT_TRUE(netlink.apply({os::put_filter(theirs, (*others)->from_uplink(), "theirs", os::Create::Exclusive)}).ok());
  EXPECT_TRUE(Gateways::remove_all(options_).ok());
  EXPECT_EQ(os::read_filters(netlink, link)->size(), 1u);
  EXPECT_TRUE(Programs::remove_pins("/run/bpf/others").ok());
}

TEST_F(Life, DatagramsInPiecesArriveWhole) {
  reconcile(published_);
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-s", "4000", kOutside}), HasSubstr("1 received"));
}

TEST_F(Life, ANarrowWayOutIsTold) {
  ip(router_, "link set far mtu 1300");
  reconcile(published_);
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-M", "do", "-s", "1300", kOutside}), HasSubstr("mtu = 1300"));
}

TEST_F(Life, PublishedAtOneAddressOnly) {
  ip(machine_, "addr add 192.0.2.11/24 dev eth0");
  const Answerer web(web_, "web", {kInside, 80});
  const auto at = [](const char* own) {
    return World{.publish = {{.address = address(own), .port = 8080, .target_port = 80}}}.state();
  };
  reconcile(at("192.0.2.11"));
  EXPECT_EQ(call(outside_, {"192.0.2.11", 8080}), "web " + kOutside);
  EXPECT_EQ(call(machine_, {"192.0.2.11", 8080}), "web " + kRouter);
  EXPECT_EQ(call(outside_, {kMachine, 8080}, Expect::Silence), "refused");
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}, Expect::Silence), "refused");
  reconcile(at("127.0.0.1"));
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}), "web " + kRouter);
  EXPECT_EQ(call(outside_, {"192.0.2.11", 8080}, Expect::Silence), "refused");
}

TEST_F(Life, OneVpcCallsWhatAnotherPublishes) {
  const Answerer web(web_, "web", {kInside, 80});
  reconcile(World{.publish = kPorts, .vault = model::Internet::Attached}.state());
  EXPECT_EQ(call(safe_, {kMachine, 8080}), "web " + kMachine);
}

TEST_F(Life, OwnIPv6AddressesPassUntranslated) {
  const World world{.shop6 = prefix("2001:db8:77::/56")};
  ip(web_,
     "addr add 2001:db8:77::a/128 dev eth0 nodad\naddr del fd12:3456:789a:100::a/128 dev eth0\n"
     "neigh replace fe80::1 lladdr 02:77:65:66:74:01 dev eth0\nroute replace default via fe80::1 dev eth0");
  ip(instance_,
     "neigh replace 2001:db8:77::a lladdr 02:00:00:00:00:10 dev tni1\nroute add 2001:db8:77::a dev tni1 table 101");
  ip(router_, "route add 2001:db8:77::/56 via 2001:db8:1::10");
  reconcile(world.state());
  const Answerer web(web_, "web", {"2001:db8:77::a", 80});
  const Answerer far(outside_, "outside", {kOutside6, 0});
  EXPECT_EQ(call(web_, {kOutside6, far.port()}), "outside 2001:db8:77::a");
  EXPECT_EQ(call(outside_, {"2001:db8:77::a", 80}), "web " + kOutside6);
}

TEST_F(Life, TheMachineCallsStraightWhereItHasAnInterface) {
  put_machine_in_shop();
  const Answerer web(web_, "web", {kInside, 80});
  reconcile(World{.publish = kPorts, .machine_in_shop = true}.state());
  const Called called = call_connected(machine_, {"127.0.0.1", 8080});
  EXPECT_EQ(called.answer, "web 10.0.1.200");
  EXPECT_EQ(called.peer, "127.0.0.1");
  ip(machine_, "link del weft0");
}

// The kernel takes what is for any of its addresses, whatever device brings it.
TEST_F(Life, OnlyItsVpcReachesTheMachinesInterface) {
  put_machine_in_shop();
  const os::Fd beside = *os::create_netns("beside");
  add_lan(beside, 1);
  const model::State state = World{.publish = kPorts, .machine_in_shop = true}.state();
  reconcile(state);
  const Answerer lan(machine_, "machine", {"172.17.1.1", 0}), own(machine_, "machine", {"10.0.1.200", 0});
  const Answerer inside(machine_, "machine", {"169.254.64.1", 0});
  const auto expect_closed = [&](const char* when) {
    EXPECT_EQ(call(beside, {"172.17.1.1", lan.port()}).substr(0, 7), "machine") << when;
    EXPECT_EQ(call(beside, {"10.0.1.200", own.port()}, Expect::Silence), "silence") << when;
    EXPECT_EQ(call(beside, {"169.254.64.1", inside.port()}, Expect::Silence), "silence") << when;
    EXPECT_THAT(run(beside, {"ping", "-c1", "-W1", "10.0.1.200"}), HasSubstr(" 0 received")) << when;
    EXPECT_EQ(call(machine_, {"10.0.1.200", own.port()}), "machine 10.0.1.200") << when;
    EXPECT_EQ(call(web_, {"10.0.1.200", own.port()}), "machine 10.0.1.10") << when;
  };
  expect_closed("by a link that is no uplink");
  add_lan(beside, 2);
  expect_closed("by a link that came later");

  reconcile(state);  // the machine has one address more
  restart();
  reconcile(state);
  EXPECT_THAT(outcome_.done, IsEmpty());
  EXPECT_EQ(run(machine_, {"nft", "add table inet theirs"}), "");
  EXPECT_THAT(planned(state), IsEmpty());
  for (const char* damage : {"insert rule inet weft guard accept", "delete table inet weft", "flush ruleset"}) {
    EXPECT_EQ(run(machine_, {"nft", damage}), "");
    reconcile(state);
    EXPECT_THAT(outcome_.repaired, ::testing::ElementsAre("guard 3 addresses of the machine")) << damage;
    expect_closed(damage);
  }
  ip(machine_, "link del weft0\nlink del lan1\nlink del lan2");
}

TEST_F(Life, WhatIsPublishedIsReachedByEveryLink) {
  const Answerer web(web_, "web", {kInside, 80});
  const os::Fd beside = *os::create_netns("beside");
  reconcile(published_);
  add_lan(beside, 1);
  reconcile(published_);
  EXPECT_EQ(call(beside, {"172.17.1.1", 8080}), "web 172.17.1.2");
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  EXPECT_THAT(planned(published_), IsEmpty());
  ip(machine_, "link del lan1");
}

TEST_F(Life, TwoInstancesShareAMachine) {
  const Answerer web(web_, "web", {kInside, 80});
  reconcile(published_);
  Options other = Options::of("second");
  other.pins = "/run/bpf/second";
  other.run = "/run/second";
  other.cgroup = options_.cgroup;
  other.resolv_conf = options_.resolv_conf;
  const os::Fd place = *os::create_netns("instance2");
  auto second = Gateways::open(other, os::Fd(dup(place.get())));
  ASSERT_TRUE(second.ok()) << second.error().what;
  const model::Publication ssh{.address = {}, .port = 2222, .target_port = 22}, taken = kPorts.front();
  const auto outcome = (*second)->reconcile(World{.publish = {ssh, taken}}.state(), kSelf);
  ASSERT_TRUE(outcome.ok()) << outcome.error().what;
  EXPECT_THAT(outcome->problems,
              Contains(::testing::Field(&Problem::what, HasSubstr("another instance publishes it"))));
  EXPECT_EQ(*os::read_sysctl(machine_, kReservedPorts), "2222,5353,8080,61056-62719");
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  EXPECT_THAT(planned(published_), IsEmpty());
  second->reset();
  const auto removed = Gateways::remove_all(other);
  EXPECT_TRUE(removed.ok()) << removed.error().what;
  EXPECT_EQ(*os::read_sysctl(machine_, kReservedPorts), "5353,8080,61056-62143");
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}), "web " + kRouter);
  EXPECT_THAT(planned(published_), IsEmpty());
}

// As when the machine starts.
TEST_F(Life, InstancesThatBeginTogetherShareNothing) {
  ASSERT_TRUE(os::make_directories(options_.run, 0755).ok());  // of the rig's instance, which doesn't begin
  std::vector<Options> all;
  for (const char* name : {"one", "two", "three"}) {
    all.push_back(Options::of(name));
    all.back().pins = std::string("/run/bpf/") + name;
    all.back().run = std::string("/run/") + name;
    all.back().machine_device = std::string("wf-") + name;
    all.back().cgroup = options_.cgroup;
    all.back().resolv_conf = options_.resolv_conf;
  }
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Gateways>> instances;
    for (const Options& each : all) {
      const os::Fd place = *os::create_netns("instance-" + each.device_prefix);
      instances.push_back(std::move(*Gateways::open(each, os::Fd(dup(place.get())))));
    }
    std::vector<std::thread> starts;
    for (auto& instance : instances) {
      starts.emplace_back([&] {
        const auto outcome = instance->reconcile(published_, kSelf);
        EXPECT_TRUE(outcome.ok()) << outcome.error().what;
      });
    }
    for (auto& start : starts) start.join();
    std::set<std::string> ports, addresses;
    os::Netlink netlink = *os::Netlink::open();
    const auto links = *os::read_links(netlink);
    const auto rows = *os::read_addresses(netlink);
    for (const os::Link& link : links) {
      if (const auto alias = parse_alias(link.alias)) ports.insert(alias->place.ports->text());
    }
    for (const auto& row : rows) {
      if (Inside::all(net::Family::V4).contains(row.address)) addresses.insert(row.address.text());
    }
    EXPECT_EQ(ports.size(), 6u);
    EXPECT_EQ(addresses.size(), 3u);
    for (auto& instance : instances) EXPECT_THAT(*instance->plan(published_, kSelf), IsEmpty());
    instances.clear();
    for (const Options& each : all) {
      EXPECT_TRUE(Gateways::remove_all(each).ok());
      EXPECT_TRUE(os::remove_netns("instance-" + each.device_prefix).ok());
    }
    EXPECT_EQ(*os::read_sysctl(machine_, kReservedPorts), "");
    EXPECT_EQ(run(machine_, {"tc", "qdisc", "show", "dev", "eth0", "clsact"}), "");
  }
}

TEST_F(Life, AMachineThatComesOnlineLater) {
  ip(machine_, "route del default via 192.0.2.1\nroute del default via 2001:db8:1::1");
  const Answerer web(web_, "web", {kInside, 80}), far(outside_, "outside", {kOutside, 0});
  reconcile(published_);
  EXPECT_EQ(call(machine_, {"127.0.0.1", 8080}), "web " + kRouter);
  ip(machine_, "route add default via 192.0.2.1\nroute add default via 2001:db8:1::1");
  reconcile(published_);
  EXPECT_EQ(call(web_, {kOutside, far.port()}), "outside " + kMachine);
}

}  // namespace
}  // namespace weft::gateway
