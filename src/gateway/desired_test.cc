#include "gateway/desired.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "gateway/plan.h"
#include "gateway/testing.h"

namespace weft::gateway {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

Desired compiled(const World& world, const MachineFacts& machine = facts()) {
  const auto state = world.state();
  return compile(state, machine, allot_places(state, machine, kSelf, {}, {}), kSelf, {});
}
std::vector<std::string> problems(const Desired& desired) {
  std::vector<std::string> lines;
  for (const auto& problem : desired.problems) lines.push_back(problem.object + ": " + problem.what);
  return lines;
}

constexpr model::Publication kHttp{.address = {}, .port = 8080, .target_port = 80, .protocol = model::kTcp};

TEST(Desired, AGatewayForEachVpcThatIsHere) {
  const Desired desired = compiled({});
  ASSERT_EQ(desired.gateways.size(), 2u);
  const Gateway& shop = desired.gateways.at(kShop);
  EXPECT_EQ(shop.netns, "weft-gw-0000000000000011");
  EXPECT_EQ(shop.alias(), "vpc-0000000000000011 1 0 61056-62079");
  EXPECT_EQ(parse_alias(shop.alias()), (Alias{kShop, shop.place, 0}));
  EXPECT_EQ(shop.rules.shared, address("192.0.2.10"));
  EXPECT_EQ(desired.gateways.at(kVault).rules.shared, std::nullopt);
  EXPECT_EQ(desired.uplinks, std::set<int>{2});
  EXPECT_EQ(desired.reserved.text(), "61056-62143");
  EXPECT_EQ(desired.border.chunks.size(), 17u);
  EXPECT_EQ(desired.border.chunks.at(61056 / 64), 1u);
}

TEST(Desired, NothingWithoutATniHere) {
  const Desired desired = compile(World().state(), facts(), {}, model::MachineId{"m-elsewhere"}, {});
  EXPECT_TRUE(desired.gateways.empty());
  EXPECT_FALSE(desired.guard);
  EXPECT_THAT(desired.problems, IsEmpty());
}

TEST(Desired, APublishedPortLeadsToTheTniInBothFamilies) {
  const Desired desired = compiled({.publish = {kHttp}});
  const Border::Door every4{address("0.0.0.0"), 8080, model::kTcp}, every6{address("::"), 8080, model::kTcp};
  ASSERT_EQ(desired.border.doors.size(), 2u);
  // The machine's own programs go through the gateway.
  EXPECT_EQ(desired.border.doors.at(every4), (Border::Behind{1, address("169.254.64.9"), 8080}));
  EXPECT_EQ(desired.border.doors.at(every6), (Border::Behind{1, address("fd77:6566:7467::9"), 8080}));
  EXPECT_TRUE(desired.reserved.contains(8080));
  const std::string rules = desired.gateways.at(kShop).rules.nft();
  EXPECT_THAT(rules, HasSubstr(R"({"dnat":{"addr":"10.0.1.10","family":"ip","port":80}})"));
  EXPECT_THAT(rules, HasSubstr(R"({"dnat":{"addr":"fd12:3456:789a:100::a","family":"ip6","port":80}})"));
  EXPECT_THAT(desired.gateways.at(kVault).rules.nft(), Not(HasSubstr("8080")));
}

TEST(Desired, TheMachinesProgramsGoStraightWhereTheMachineIs) {
  const Desired desired = compiled({.publish = {kHttp}, .machine_in_shop = true});
  const Border::Door every4{address("0.0.0.0"), 8080, model::kTcp};
  EXPECT_EQ(desired.border.doors.at(every4), (Border::Behind{1, address("10.0.1.10"), 80}));
}

// The kernel would take what comes by an uplink for that address, past its groups.
TEST(Desired, TheMachinesTniIsKnownAtTheBorder) {
  const Desired desired = compiled({.machine_in_shop = true});
  EXPECT_EQ(desired.border.addresses.at(address("10.0.1.200")).kind, Border::Kind::Tni);
  EXPECT_FALSE(desired.border.addresses.contains(address("10.0.1.10"))) << "of a workload";
}

// By every other link the kernel would take it, too.
TEST(Desired, OnlyTheWaysOfVpcsLeadToTheMachinesAddressesInThem) {
  const Desired desired = compiled({.machine_in_shop = true});
  ASSERT_TRUE(desired.guard);
  EXPECT_THAT(desired.guard->devices, ElementsAre("lo", "weft0", "weft-gw*"));
  EXPECT_THAT(desired.guard->addresses,
              UnorderedElementsAre(address("169.254.64.1"), address("fd77:6566:7467::1"), address("10.0.1.200")));
  EXPECT_THAT(desired.guard->nft(), HasSubstr(R"("hook":"input","name":"guard","policy":"accept")"));
}

TEST(Desired, AnAddressThatTheMachineHasElsewhereTooIsNotGuarded) {
  MachineFacts machine = facts();
  machine.links.push_back({.index = 3, .name = "lan", .mtu = 1500, .addresses = {address("10.0.1.200")}});
  const Desired desired = compiled({.machine_in_shop = true}, machine);
  EXPECT_THAT(desired.guard->addresses, Not(Contains(address("10.0.1.200"))));
}

// Another instance's groups judge it: nobody gets there by this one's border either.
TEST(Desired, TheTnisOfOtherInstancesAreKnownAtTheBorder) {
  MachineFacts machine = facts();
  machine.instances = {address("10.211.1.1"), address("192.0.2.10")};
  const Desired desired = compiled({}, machine);
  EXPECT_EQ(desired.border.addresses.at(address("10.211.1.1")).kind, Border::Kind::Tni);
  EXPECT_EQ(desired.border.addresses.at(address("192.0.2.10")).kind, Border::Kind::Outside) << "the machine's own, too";
}

TEST(Desired, PortsThatOthersReserveAreNotReservedAgain) {
  MachineFacts machine = facts();
  machine.reserved = PortSet{{8080, 8080}};
  const Desired desired = compiled({.publish = {kHttp}}, machine);
  EXPECT_EQ(desired.border.doors.size(), 2u);
  EXPECT_EQ(desired.reserved.text(), "61056-62143");
}

// A second card, a bridge, a VPN: whoever calls the machine there gets what is published.
TEST(Desired, PublishedEverywhereIsPublishedAtEveryLink) {
  MachineFacts machine = facts();
  machine.links.push_back({.index = 3, .name = "lan", .mtu = 1500, .addresses = {address("10.9.9.9")}});
  machine.links.push_back({.index = 4, .name = "lan6", .mtu = 1500, .addresses = {address("2001:db8:9::9")}});
  machine.links.push_back({.index = 5, .name = "bare", .mtu = 1500, .addresses = {}});
  EXPECT_EQ(compiled({}, machine).uplinks, (std::set<int>{2}));
  EXPECT_EQ(compiled({.publish = {kHttp}}, machine).uplinks, (std::set<int>{2, 3, 4}));
  const model::Publication every4{.address = address("0.0.0.0"), .port = 8080, .target_port = 80};
  const Desired desired = compiled({.publish = {every4}}, machine);
  EXPECT_EQ(desired.uplinks, (std::set<int>{2, 3}));
  EXPECT_THAT(problems(desired), Not(Contains(HasSubstr("8080"))));
}

TEST(Desired, NothingIsPublishedWithoutAnInternetGateway) {
  const Desired desired = compiled({.publish = {kHttp}, .shop = model::Internet::None});
  EXPECT_TRUE(desired.border.doors.empty());
  EXPECT_THAT(problems(desired), Contains(HasSubstr("port 8080 is not published: VPC shop has no internet gateway")));
}

TEST(Desired, BoundToOneAddress) {
  MachineFacts machine = facts();
  machine.links.push_back({.index = 3, .name = "lan", .mtu = 1400, .addresses = {address("10.9.9.9")}});
  const model::Publication bound{
      .address = address("10.9.9.9"), .port = 53, .target_port = 53, .protocol = model::kUdp};
  const Desired desired = compiled({.publish = {bound}}, machine);
  ASSERT_EQ(desired.border.doors.size(), 1u);
  EXPECT_EQ(desired.border.doors.begin()->first.address, address("10.9.9.9"));
  EXPECT_EQ(desired.uplinks, (std::set<int>{2, 3}));
  EXPECT_EQ(desired.border.addresses.at(address("10.9.9.9")).exit, 3);
  EXPECT_EQ(desired.gateways.at(kShop).mtu, 1400u);
}

TEST(Desired, TheMachinesOwnPortsAreNotTaken) {
  MachineFacts machine = facts();
  machine.bound = {{model::kTcp, address("::"), 8080}, {model::kUdp, address("0.0.0.0"), 61100}};
  const Desired desired = compiled({.publish = {kHttp}}, machine);
  EXPECT_TRUE(desired.border.doors.empty());
  EXPECT_THAT(problems(desired),
              ::testing::UnorderedElementsAre(
                  HasSubstr("private IPv6 range"),
                  "w-0000000000000011: port 8080 is not published: a program of the machine has :: bound",
                  HasSubstr("has 0.0.0.0 port 61100 bound")));
}

TEST(Desired, APortIsPublishedByOneInstance) {
  MachineFacts machine = facts();
  machine.published = {{model::kTcp, address("0.0.0.0"), 8080}};
  const Desired desired = compiled({.publish = {kHttp}}, machine);
  EXPECT_TRUE(desired.border.doors.empty());
  EXPECT_THAT(problems(desired),
              Contains("w-0000000000000011: port 8080 is not published: another instance publishes it"));
  machine.published = {{model::kUdp, address("0.0.0.0"), 8080}, {model::kTcp, address("0.0.0.0"), 8081}};
  EXPECT_EQ(compiled({.publish = {kHttp}}, machine).border.doors.size(), 2u);
}

TEST(Desired, PortsOfTheSharesAreNotPublished) {
  const model::Publication high{.address = {}, .port = 61056, .target_port = 80, .protocol = model::kTcp};
  EXPECT_TRUE(compiled({.publish = {high}}).border.doors.empty());
}

TEST(Desired, AMachineWithoutAWayOut) {
  const Desired desired = compiled({.publish = {kHttp}}, {});
  EXPECT_EQ(desired.gateways.size(), 2u);
  EXPECT_EQ(desired.border.doors.size(), 2u);
  EXPECT_THAT(problems(desired),
              ::testing::IsSupersetOf({HasSubstr("no IPv4 default route"), HasSubstr("name server")}));
}

TEST(Desired, MoreInstancesThanAMachineHasRoomFor) {
  const auto state = World().state();
  const Desired desired = compile(state, facts(), Places(), kSelf, {});
  EXPECT_TRUE(desired.gateways.empty());
  EXPECT_THAT(problems(desired), ElementsAre(HasSubstr("16 instances have gateways on this machine"),
                                             HasSubstr("16 instances have gateways on this machine")));
}

TEST(Desired, IPv6OfTheUsersOwnPassesAsItIs) {
  const Desired desired = compiled({.shop6 = prefix("2001:db8:77::/56")});
  EXPECT_EQ(desired.border.routed.at(prefix("2001:db8:77::/56")), (Border::Routed{1, 2}));
  EXPECT_THAT(problems(desired), IsEmpty());
}

TEST(Desired, TheRulesAreOneTransactionOfKnownForm) {
  const auto rules = nlohmann::json::parse(compiled({.publish = {kHttp}}).gateways.at(kShop).rules.nft());
  std::vector<std::string> chains;
  for (const auto& command : rules["nftables"]) {
    if (command.contains("add") && command["add"].contains("chain")) chains.push_back(command["add"]["chain"]["name"]);
  }
  EXPECT_THAT(chains, ElementsAre("enter", "pass", "leave", "own"));
  EXPECT_EQ(rules["nftables"][1]["delete"]["table"]["name"], "weft");
}

TEST(Plan, FromNothing) {
  std::vector<std::string> steps;
  for (const Step& step : diff({}, compiled({.publish = {kHttp}}))) steps.push_back(text_of(step));
  EXPECT_THAT(
      steps,
      ElementsAre("guard 2 addresses of the machine",
                  "make the gateway of vpc-0000000000000011: weft-gw-0000000000000011, ports 61056-62079",
                  "addresses and routes of weft-gw-0000000000000011: 18 to put, 0 to remove",
                  "rules of weft-gw-0000000000000011: 2 published ports",
                  "make the gateway of vpc-0000000000000022: weft-gw-0000000000000022, ports 62080-62143",
                  "addresses and routes of weft-gw-0000000000000022: 16 to put, 0 to remove",
                  "rules of weft-gw-0000000000000022: 0 published ports", "reserve ports 8080,61056-62143",
                  "put 25 entries at the border", "take what is ours at link 2", "translate the machine's own calls"));
}

// What the machine holds once a plan was carried out.
Actual carried_out(const Desired& desired) {
  Actual actual{.border = desired.border, .uplinks = desired.uplinks, .reserved = desired.reserved};
  actual.calls = Actual::Calls::Translated;
  if (desired.guard) actual.guard = desired.guard->fingerprint();
  int index = 100;
  for (const auto& [vpc, gateway] : desired.gateways) {
    actual.gateways[vpc] = {.alias = *parse_alias(gateway.alias()),
                            .netns = gateway.netns,
                            .machine_device = gateway.machine_device,
                            .instance_device = gateway.instance_device,
                            .machine_index = index,
                            .instance_index = index,
                            .mtu = gateway.mtu,
                            .wires = ActualGateway::Wires::Whole,
                            .inside = gateway.inside,
                            .machine = gateway.machine,
                            .rules = gateway.rules.fingerprint(),
                            .forwarding = ActualGateway::Forwarding::On};
    actual.border.gateways[gateway.place.slot] = index++;
  }
  return actual;
}

TEST(Plan, NothingWhereAllIsWell) {
  const Desired desired = compiled({.publish = {kHttp}});
  EXPECT_THAT(diff(carried_out(desired), desired), IsEmpty());
}

TEST(Plan, OneMorePortTouchesNothingElse) {
  const Actual actual = carried_out(compiled({}));
  std::vector<std::string> steps;
  for (const Step& step : diff(actual, compiled({.publish = {kHttp}}))) steps.push_back(text_of(step));
  EXPECT_THAT(steps, ElementsAre("rules of weft-gw-0000000000000011: 2 published ports",
                                 "reserve ports 8080,61056-62143", "put 2 entries at the border"));
}

TEST(Plan, TouchedRulesAreSetAnew) {
  const Desired desired = compiled({});
  Actual actual = carried_out(desired);
  actual.gateways.at(kVault).rules.reset();
  const Plan plan = diff(actual, desired);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(std::get<SetRules>(plan[0]).vpc, kVault);
}

TEST(Plan, GoesInTheOppositeOrder) {
  std::vector<std::string> steps;
  for (const Step& step : diff(carried_out(compiled({.publish = {kHttp}})), {})) steps.push_back(text_of(step));
  EXPECT_THAT(steps,
              ElementsAre("leave link 2", "remove 25 entries from the border", "reserve ports ",
                          "remove the gateway of vpc-0000000000000011", "remove the gateway of vpc-0000000000000022",
                          "take the guard of the machine's addresses away"));
}

}  // namespace
}  // namespace weft::gateway
