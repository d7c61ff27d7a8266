#include <gmock/gmock.h>

#include <chrono>

#include "bpf/gateway_abi.h"
#include "gateway/rig.h"

namespace weft::gateway {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What other firewalls do on a machine, and whether it forwards.
struct Firewall {
  std::string name;
  std::string nft;
  std::string iptables;  // for iptables-restore
  const char* ip_forward;
};

void PrintTo(const Firewall& firewall, std::ostream* out) { *out << firewall.name; }

const Firewall kFirewalls[] = {
    {"Bare", "", "", "0"},
    {"DefaultDrop",
     "table inet fw {\n"
     "  chain input { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept;\n"
     "    meta l4proto icmpv6 accept; }\n"
     "  chain forward { type filter hook forward priority 0; policy drop; }\n"
     "}\n",
     "", "0"},
    {"LikeDocker", "",
     "*nat\n:DOCKER - [0:0]\n"
     "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
     "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n"
     "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
     "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 9000 -j DNAT --to-destination 172.17.0.2:9000\nCOMMIT\n"
     "*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n"
     "-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -j DOCKER\n"
     "-A DOCKER-USER -j RETURN\nCOMMIT\n",
     "1"},
};

class OnMachine : public Rig, public ::testing::WithParamInterface<Firewall> {
 protected:
  void SetUp() override {
    Rig::SetUp();
    EXPECT_EQ(run(machine_, {"nft", "-f", "-"}, GetParam().nft), "");
    EXPECT_EQ(run(machine_, {"iptables-restore"}, GetParam().iptables), "");
    ASSERT_TRUE(os::write_sysctl(machine_, "ipv4/ip_forward", GetParam().ip_forward).ok());
    ASSERT_TRUE(os::write_sysctl(machine_, kReservedPorts, "7000-7010").ok());
    // The kernel notes a little later that the other end is up.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    do {
      before_ = machine_state();
    } while (before_.find("NO-CARRIER") != std::string::npos && std::chrono::steady_clock::now() < deadline);
  }
  void TearDown() override {
    Rig::TearDown();
    EXPECT_EQ(run(machine_, {"nft", "flush", "ruleset"}), "");
  }

  // Everything of the machine that is not ours.
  std::string machine_state() {
    std::string all;
    for (const std::vector<std::string>& argv :
         std::vector<std::vector<std::string>>{{"nft", "-s", "list", "ruleset"},
                                               {"ip", "-d", "link"},
                                               {"ip", "addr"},
                                               {"ip", "route", "show", "table", "all"},
                                               {"ip", "-6", "route", "show", "table", "all"},
                                               {"ip", "rule"},
                                               {"tc", "qdisc"},
                                               {"tc", "filter", "show", "dev", "eth0", "ingress"},
                                               {"ip", "netns"}}) {
      all += run(machine_, argv);
    }
    for (const char* name :
         {kReservedPorts, "ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/rp_filter"}) {
      all += *os::read_sysctl(machine_, name) + "\n";
    }
    return all;
  }
  std::string before_;
};

TEST_P(OnMachine, ReachesOutWithTheMachinesAddress) {
  reconcile(World().state());
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", kOutside}), HasSubstr("1 received"));
  const Answerer tcp(outside_, "outside", {kOutside, 0});
  const Answerer udp(outside_, "outside", {kOutside, 0, Kind::Udp});
  EXPECT_EQ(call(web_, {kOutside, tcp.port()}), "outside 192.0.2.10");
  EXPECT_EQ(call(web_, {kOutside, udp.port(), Kind::Udp}), "outside 192.0.2.10");
  // Errors about its flows come back to it: nobody has this port.
  EXPECT_EQ(call(web_, {kOutside, 9, Kind::Udp}), "refused");
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W2", "-t2", kOutside}), HasSubstr("Time to live exceeded"));
}

TEST_P(OnMachine, AVpcWithoutInternetAsksTheResolverOnly) {
  const Answerer dns(outside_, "dns", {kOutside, 53, Kind::Udp});
  const Answerer tcp(outside_, "outside", {kOutside, 0});
  reconcile(World().state());
  EXPECT_EQ(call(safe_, {"10.0.1.2", 53, Kind::Udp}), "dns 192.0.2.10");
  EXPECT_EQ(call(safe_, {kOutside, tcp.port()}), "refused");
  EXPECT_THAT(run(safe_, {"ping", "-c1", "-W1", kOutside}), HasSubstr("Packet filtered"));
}

TEST_P(OnMachine, TheResolverAnswersUnderEveryAddressOfIt) {
  const Answerer udp4(outside_, "dns", {kOutside, 53, Kind::Udp}), tcp4(outside_, "dns", {kOutside, 53});
  const Answerer udp6(outside_, "dns", {kOutside6, 53, Kind::Udp}), tcp6(outside_, "dns", {kOutside6, 53});
  reconcile(World().state());
  for (const std::string resolver : {"10.0.1.2", "169.254.169.253"}) {
    EXPECT_EQ(call(web_, {resolver, 53, Kind::Udp}), "dns 192.0.2.10") << resolver;
    EXPECT_EQ(call(web_, {resolver, 53}), "dns 192.0.2.10") << resolver;
  }
  for (const std::string resolver : {"fd12:3456:789a:100::2", "fd00:ec2::253"}) {
    EXPECT_EQ(call(web_, {resolver, 53, Kind::Udp}), "dns 2001:db8:1::10") << resolver;
    EXPECT_EQ(call(web_, {resolver, 53}), "dns 2001:db8:1::10") << resolver;
  }
}

TEST_P(OnMachine, PublishedPortsFromOutsideKeepTheClientsAddress) {
  const Answerer tcp4(web_, "web", {kInside, 80}), tcp6(web_, "web", {kInside6, 80});
  const Answerer udp4(web_, "web", {kInside, 53, Kind::Udp}), udp6(web_, "web", {kInside6, 53, Kind::Udp});
  reconcile(World{.publish = kPorts}.state());
  EXPECT_EQ(call(outside_, {kMachine, 8080}), "web " + kOutside);
  EXPECT_EQ(call(outside_, {kMachine6, 8080}), "web " + kOutside6);
  EXPECT_EQ(call(outside_, {kMachine, 5353, Kind::Udp}), "web " + kOutside);
  EXPECT_EQ(call(outside_, {kMachine6, 5353, Kind::Udp}), "web " + kOutside6);
}

TEST_P(OnMachine, PublishedPortsFromTheMachineItself) {
  const Answerer tcp4(web_, "web", {kInside, 80}), tcp6(web_, "web", {kInside6, 80});
  const Answerer udp4(web_, "web", {kInside, 53, Kind::Udp}), udp6(web_, "web", {kInside6, 53, Kind::Udp});
  reconcile(World{.publish = kPorts}.state());
  for (const std::string& own : {kMachine, std::string("127.0.0.1")}) {
    const Called called = call_connected(machine_, {own, 8080});
    EXPECT_EQ(called.answer, "web " + kRouter) << own;
    EXPECT_EQ(called.peer, own);
    EXPECT_EQ(call(machine_, {own, 5353, Kind::Udp}), "web " + kRouter) << own;
    const Called sent = call_unconnected(machine_, {own, 5353, Kind::Udp});
    EXPECT_EQ(sent.answer, "web " + kRouter) << own;
    EXPECT_EQ(sent.peer, own);
  }
  for (const std::string& own : {kMachine6, std::string("::1")}) {
    const Called called = call_connected(machine_, {own, 8080});
    EXPECT_EQ(called.answer, "web " + kRouter6) << own;
    EXPECT_EQ(called.peer, own);
    const Called sent = call_unconnected(machine_, {own, 5353, Kind::Udp});
    EXPECT_EQ(sent.answer, "web " + kRouter6) << own;
    EXPECT_EQ(sent.peer, own);
  }
  // An IPv6 socket that calls an IPv4 address.
  EXPECT_EQ(call(machine_, {"::ffff:127.0.0.1", 8080}), "web " + kRouter);
}

TEST_P(OnMachine, AWorkloadReachesPublishedPortsByTheMachinesAddress) {
  const Answerer tcp4(web_, "web", {kInside, 80}), tcp6(web_, "web", {kInside6, 80});
  reconcile(World{.publish = kPorts}.state());
  EXPECT_EQ(call(web_, {kMachine, 8080}), "web " + kRouter);
  EXPECT_EQ(call(web_, {kMachine6, 8080}), "web " + kRouter6);
}

TEST_P(OnMachine, NothingElseIsOpen) {
  const Answerer open(machine_, "machine", {"0.0.0.0", 0});
  const Answerer hidden(web_, "web", {kInside, 81});
  reconcile(World{.publish = kPorts}.state());
  const Answerer metadata(machine_, "machine", {"169.254.64.1", 0});
  // Into a VPC: ports that are not published, and those of its share.
  for (const uint16_t port : {uint16_t{81}, uint16_t{80}, uint16_t{61056}, uint16_t{62000}}) {
    EXPECT_THAT(call(outside_, {kMachine, port}, Expect::Silence), Not(HasSubstr("web"))) << port;
  }
  // The machine's own ports and addresses from inside.
  EXPECT_EQ(call(web_, {kMachine, open.port()}), "refused");
  EXPECT_THAT(run(web_, {"ping", "-c1", "-W1", kMachine}), HasSubstr("Packet filtered"));
  EXPECT_GT(gateways().drops()->at(abi::BORDER_MACHINE), 0u);
  for (const std::string never : {"169.254.64.1", "169.254.169.254", "127.0.0.1", "192.0.2.255", "224.0.0.1"}) {
    EXPECT_THAT(call(web_, {never, metadata.port()}, Expect::Silence), Not(HasSubstr("machine"))) << never;
  }
  // Private addresses of a VPC don't exist outside of it.
  ip(router_, "route add 10.0.0.0/16 via 192.0.2.10");
  EXPECT_EQ(call(outside_, {kInside, 80}, Expect::Silence), "silence");
}

TEST_P(OnMachine, LeavesTheMachineAsItWas) {
  reconcile(World{.publish = kPorts}.state());
  EXPECT_NE(machine_state(), before_);
  EXPECT_EQ(*os::read_sysctl(machine_, kReservedPorts), "5353,7000-7010,8080,61056-62143");
  restart();
  const auto removed = Gateways::remove_all(options_);
  ASSERT_TRUE(removed.ok()) << removed.error().what;
  EXPECT_EQ(machine_state(), before_);
  EXPECT_THAT(*os::list_directory(options_.run), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Firewalls, OnMachine, ::testing::ValuesIn(kFirewalls),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace weft::gateway
