// What somebody takes away or changes comes back by itself, is told, and costs no
// connection.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "datapath/rig.h"
#include "os/conversation.h"
#include "os/file.h"
#include "os/netlink_link.h"
#include "os/netlink_tc.h"

namespace weft::datapath {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using Repairs = Datapath::Repairs;
using Words = std::vector<std::string>;

std::string line_of(const Words& argv) {
  std::string line;
  for (const std::string& word : argv) line += word + " ";
  return line;
}
std::string text_of(const Repairs& repairs) {
  std::string text;
  for (const auto& [object, what] : repairs) text += object + ": " + what + "\n";
  return text;
}

class Drift : public DatapathTest {
 protected:
  void SetUp() override {
    DatapathTest::SetUp();
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V6));
    allow(default_group_, Direction::In, "all", default_group_);
    a_ = workload("a", "10.0.1.10", default_group_);
    b_ = workload("b", "10.0.1.11", default_group_);
    auto begun = talk(a_, b_, "10.0.1.11");
    ASSERT_TRUE(begun.ok()) << begun.error().what;
    talk_ = std::move(*begun);
    ASSERT_TRUE(talk_->goes_on());
    EXPECT_EQ(text_of(whole_round()), "");
  }
  void TearDown() override {
    talk_.reset();
    DatapathTest::TearDown();
  }

  Result<os::Conversation> talk(const model::TniId& caller, const model::TniId& answerer, const char* address,
                                int milliseconds = os::Conversation::kPatience) {
    const os::Place place{*Address::parse(address), 7000};
    return os::Conversation::start(SOCK_STREAM, netns_of(caller), place, netns_of(answerer), place, milliseconds);
  }
  // Turns until everything was looked at.
  Repairs whole_round() {
    Repairs all;
    do {
      for (auto& repair : datapath_->heal(state_, clocks())) all.push_back(std::move(repair));
    } while (!datapath_->round_is_over());
    for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
    return all;
  }
  // What is mended on a notice of the kernel alone.
  Repairs after_notice() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Repairs repairs;
    while (repairs.empty() && std::chrono::steady_clock::now() < deadline) {
      repairs = datapath_->look_again(state_, clocks());
    }
    for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
    return repairs;
  }
  // The way out of a device that just came up opens when the kernel notices: within a second.
  bool reaches(const model::TniId& from, const std::string& to) {
    for (int i = 0; i < 10; ++i) {
      if (pings(from, to)) return true;
    }
    return false;
  }
  // Long enough for everybody to be trusted again.
  void let_time_pass() { later_ += std::chrono::minutes(5); }
  static int in_instance(const Words& argv) { return in(*os::open_netns("weft"), argv); }
  static std::string machine_side(const model::TniId& tni) { return Names{}.machine_side_of(tni); }
  uint32_t slot(const model::TniId& tni) { return *datapath_->slot_of(tni); }

  model::TniId a_, b_;
  std::optional<os::Conversation> talk_;
};

TEST_F(Drift, WhatAWorkloadTakesFromItsInterfaceComesBack) {
  const std::vector<Words> damages = {
      {"ip", "link", "set", "eth0", "down"},
      {"ip", "link", "set", "eth0", "mtu", "900"},
      {"ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"},
      {"ip", "address", "del", "10.0.1.11/32", "dev", "eth0"},
      {"ip", "-6", "address", "flush", "dev", "eth0"},
      {"ip", "route", "del", "default"},
      {"ip", "route", "replace", "default", "via", "10.0.1.77", "dev", "eth0", "onlink"},
      {"ip", "route", "flush", "table", "main"},
      {"ip", "-6", "route", "del", "default"},
      {"sh", "-c", "ip link set eth0 down && ip link set eth0 name mine"},
  };
  for (const Words& damage : damages) {
    let_time_pass();
    ASSERT_EQ(in(b_, damage), 0) << line_of(damage);
    const Repairs repairs = after_notice();
    ASSERT_THAT(repairs, SizeIs(1)) << line_of(damage);
    EXPECT_EQ(repairs[0].object, b_.text);
    EXPECT_THAT(repairs[0].what, HasSubstr("eth0")) << line_of(damage);
    EXPECT_TRUE(talk_->goes_on()) << line_of(damage);
    EXPECT_TRUE(reaches(a_, "10.0.1.11")) << line_of(damage);
    EXPECT_TRUE(reaches(a_, "fd12:3456:789a:1::11")) << line_of(damage);
    let_time_pass();
    EXPECT_EQ(text_of(whole_round()), "") << line_of(damage);
  }
}

TEST_F(Drift, WhatAWorkloadAddsIsItsOwn) {
  for (const Words& own : std::vector<Words>{{"ip", "address", "add", "10.9.9.9/32", "dev", "eth0"},
                                             {"ip", "route", "add", "10.8.0.0/16", "via", "10.0.1.1", "dev", "eth0"},
                                             {"ip", "link", "add", "dummy0", "type", "veth"},
                                             {"ip", "rule", "add", "from", "10.9.9.9", "lookup", "77"}}) {
    ASSERT_EQ(in(b_, own), 0) << line_of(own);
  }
  EXPECT_EQ(text_of(whole_round()), "");
  EXPECT_EQ(in(b_, {"sh", "-c",
                    "ip address show dev eth0 | grep -q 10.9.9.9 && ip route | grep -q 10.8.0.0/16 && "
                    "ip link show dummy0 && ip rule | grep -q 'lookup 77'"}),
            0);
}

// However many routes it makes, others are looked after.
TEST_F(Drift, AWorkloadThatFloodsItsTablesIsLeftAlone) {
  ASSERT_EQ(
      in(b_, {"sh", "-c",
              "for i in $(seq 0 39); do for j in $(seq 0 127); do echo route add 172.16.$i.$j dev eth0; done; done "
              "| ip -batch -"}),
      0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (datapath_->problems().empty() && std::chrono::steady_clock::now() < deadline) {
    datapath_->look_again(state_, clocks());
  }
  ASSERT_THAT(datapath_->problems(), SizeIs(1));
  EXPECT_THAT(datapath_->problems().begin()->second, HasSubstr("more than"));
  ASSERT_EQ(in(a_, {"ip", "link", "set", "eth0", "mtu", "900"}), 0);
  Repairs repairs;
  while (repairs.empty() && std::chrono::steady_clock::now() < deadline) {
    repairs = datapath_->look_again(state_, clocks());
  }
  EXPECT_THAT(text_of(repairs), HasSubstr(a_.text));
  EXPECT_TRUE(talk_->goes_on());
  ASSERT_EQ(in(b_, {"sh", "-c", "ip route flush root 172.16.0.0/16"}), 0);
  let_time_pass();
  EXPECT_EQ(text_of(whole_round()), "");
}

TEST_F(Drift, AnInterfaceThatIsGivenAwayIsMadeAnew) {
  ASSERT_EQ(in(b_, {"ip", "link", "del", "eth0"}), 0);
  EXPECT_THAT(text_of(after_notice()), HasSubstr(b_.text + ": the link of eth0"));
  EXPECT_TRUE(pings(a_, "10.0.1.11"));
  let_time_pass();
  // Into a namespace that nobody knows.
  ASSERT_EQ(
      in(b_, {"unshare", "--net", "sh", "-c",
              "nsenter --net=/run/netns/" + Names{}.netns_of(state_.get(b_).workload) + " ip link set eth0 netns $$"}),
      0);
  EXPECT_THAT(text_of(after_notice()), HasSubstr(b_.text + ": the link of eth0"));
  EXPECT_TRUE(pings(a_, "10.0.1.11"));
  let_time_pass();
  EXPECT_EQ(text_of(whole_round()), "");
}

TEST_F(Drift, WhoBreaksItAgainAndAgainWaitsLonger) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(in(b_, {"ip", "link", "set", "eth0", "mtu", "900"}), 0);
    EXPECT_THAT(after_notice(), SizeIs(1));
    // Nobody asks the clock in a test: no time passes for the daemon.
    ASSERT_EQ(in(b_, {"ip", "link", "set", "eth0", "mtu", "900"}), 0);
    const auto boot = os::now_boot();
    const auto frozen = ClockPair{os::now_wall(), {boot.ns - std::chrono::nanoseconds(std::chrono::hours(1)).count()}};
    EXPECT_THAT(datapath_->look_again(state_, frozen), IsEmpty());
    EXPECT_TRUE(datapath_->next_look());
    later_ += std::chrono::milliseconds(100 << i);
  }
}

TEST_F(Drift, TheMachinesSideComesBack) {
  for (const Words& damage : std::vector<Words>{{"ip", "link", "set", machine_side(b_), "down"},
                                                {"ip", "link", "set", machine_side(b_), "mtu", "900"},
                                                {"ip", "link", "set", machine_side(b_), "alias", "mine"}}) {
    let_time_pass();
    ASSERT_EQ(in_instance(damage), 0) << line_of(damage);
    EXPECT_THAT(text_of(after_notice()), HasSubstr("the machine's side")) << line_of(damage);
    EXPECT_TRUE(talk_->goes_on()) << line_of(damage);
    let_time_pass();
    EXPECT_EQ(text_of(whole_round()), "") << line_of(damage);
  }
}

TEST_F(Drift, AProgramThatIsTakenAwayComesBack) {
  os::Netlink own = *os::Netlink::open_in(*os::open_netns("weft"));
  for (const Words& damage : std::vector<Words>{
           {"tc", "filter", "del", "block", "1"},
           {"sh", "-c", "tc filter del block 1 && tc filter add block 1 pref 1 protocol all u32 match u32 0 0"},
           {"tc", "qdisc", "del", "dev", machine_side(b_), "ingress"},
           {"sh", "-c",
            "tc qdisc del dev " + machine_side(b_) + " ingress && tc qdisc add dev " + machine_side(b_) +
                " ingress_block 7 ingress && tc filter add block 7 pref 1 protocol all u32 match u32 0 0"},
           {"sh", "-c",
            "tc qdisc del dev " + machine_side(b_) + " ingress && tc qdisc add dev " + machine_side(b_) + " clsact"}}) {
    let_time_pass();
    ASSERT_EQ(in_instance(damage), 0) << line_of(damage);
    EXPECT_THAT(text_of(after_notice()), HasSubstr("the program at")) << line_of(damage);
    EXPECT_TRUE(talk_->goes_on()) << line_of(damage);
    let_time_pass();
    EXPECT_EQ(text_of(whole_round()), "") << line_of(damage);
  }
  // Another program in its place; one of somebody else's behind it stays.
  let_time_pass();
  ASSERT_TRUE(
      own.apply({os::put_filter({.block = kTniBlock, .priority = 7}, datapath_->bpf().from_gateway(), "theirs",
                                os::Create::Exclusive),
                 os::put_filter({.block = kTniBlock}, datapath_->bpf().from_gateway(), "other", os::Create::Replace)})
          .ok());
  EXPECT_THAT(text_of(after_notice()), HasSubstr("the program at the TNIs' devices"));
  EXPECT_TRUE(talk_->goes_on());
  const auto filters = *os::read_block(own, kTniBlock);
  ASSERT_THAT(filters, SizeIs(2));
  EXPECT_EQ(filters[1].name, "theirs");
}

TEST_F(Drift, MapsAreReadBackAndMended) {
  const Bpf& bpf = datapath_->bpf();
  const auto first = [](const auto& map) { return map.all()->front(); };
  const uint32_t set = bpf.tnis.get(slot(b_))->set.after;
  const uint32_t rule = datapath_->policy().tables().rules.begin()->first;
  const uint32_t choice = datapath_->policy().tables().choices.begin()->first;
  const uint32_t vpc = *datapath_->slot_of(vpc_);
  const abi::endpoint_key of_b{.vpc = vpc, .address = address_of(*Address::parse("10.0.1.11"))};
  const abi::endpoint_key stray{.vpc = vpc, .address = address_of(*Address::parse("10.0.1.99"))};
  struct Damage {
    std::string map;
    std::function<Result<>()> make;
  };
  const std::vector<Damage> damages = {
      {"gateways", [&] { return bpf.gateways.put(77, vpc); }},
      {"vpcs", [&] { return bpf.vpcs.put(vpc, {}); }},
      {"endpoints", [&] { return bpf.endpoints.remove(first(bpf.endpoints).first); }},
      {"endpoints", [&] { return bpf.endpoints.put(of_b, {.kind = abi::ENDPOINT_TNI, .tni = slot(a_)}); }},
      {"endpoints", [&] { return bpf.endpoints.put(stray, {.kind = abi::ENDPOINT_TNI, .tni = slot(a_)}); }},
      {"ranges", [&] { return bpf.ranges.remove(first(bpf.ranges).first); }},
      {"tnis", [&] { return bpf.tnis.put(slot(b_), {}); }},
      {"tnis",
       [&] {
         abi::tni row = *bpf.tnis.get(slot(b_));
         row.set = {set, set + 1, row.set.generation};
         return bpf.tnis.put(slot(b_), row);
       }},
      {"rules", [&] { return bpf.rules.put(rule, {}); }},
      {"choices", [&] { return bpf.choices.put(choice, {}); }},
      {"cells", [&] { return bpf.cells.remove(first(bpf.cells).first); }},
      {"cells", [&] { return bpf.cells.put({.prefix_length = 32, .rule_class = 7777}, 1); }},
      {"prefixes", [&] { return bpf.prefixes.remove(first(bpf.prefixes).first); }},
      {"prefixes",
       [&] {
         return bpf.prefixes.put(first(bpf.prefixes).first, {{9, 9, 1}, 160});
       }},
      {"prefixes",
       [&] {
         return bpf.prefixes.put({.prefix_length = 40, .table = 7777}, {{1, 1, 1}, 40});
       }},
      {"identities", [&] { return bpf.identities.remove(first(bpf.identities).first); }},
      {"identities",
       [&] {
         return bpf.identities.put({.table = 7777, .group = 1}, {1, 1, 1});
       }},
      {"sets", [&] { return bpf.sets.put(set, {}); }},
      {"generation", [&] { return bpf.generation.put(0, 12345); }},
  };
  for (const Damage& damage : damages) {
    ASSERT_TRUE(damage.make().ok()) << damage.map;
    const Repairs repairs = whole_round();
    EXPECT_THAT(text_of(repairs), HasSubstr(damage.map)) << damage.map;
    EXPECT_THAT(repairs, SizeIs(1)) << damage.map << ": " << text_of(repairs);
    EXPECT_TRUE(talk_->goes_on()) << damage.map;
    EXPECT_TRUE(pings(a_, "10.0.1.11")) << damage.map;
    EXPECT_TRUE(pings(b_, "fd12:3456:789a:1::10")) << damage.map;
    EXPECT_EQ(text_of(whole_round()), "") << damage.map;
  }
}

TEST_F(Drift, WhatAForgedRowLetInIsCutOff) {
  const auto closed = id<model::GroupId>();
  apply({model::Group{.id = closed, .name = "closed", .vpc = vpc_}});
  allow(closed, Direction::Out, "all", Prefix::any(net::Family::V4));
  const auto c = workload("c", "10.0.1.12", closed);
  EXPECT_EQ(text_of(whole_round()), "");
  EXPECT_FALSE(talk(a_, c, "10.0.1.12", 300).ok());
  // As if it allowed what the others' group allows from its own.
  const Bpf& bpf = datapath_->bpf();
  const uint32_t open_set = bpf.tnis.get(slot(a_))->set.after, closed_set = bpf.tnis.get(slot(c))->set.after;
  const uint32_t group = bpf.sets.get(open_set)->groups[0];
  const auto row = bpf.identities.get({.table = open_set * 2 + abi::DIRECTION_IN, .group = group});
  ASSERT_TRUE(row.ok());
  ASSERT_TRUE(bpf.identities.put({.table = closed_set * 2 + abi::DIRECTION_IN, .group = group}, *row).ok());
  abi::set naming = *bpf.sets.get(closed_set);
  naming.names_groups = 1;
  ASSERT_TRUE(bpf.sets.put(closed_set, naming).ok());
  const auto intruder = talk(a_, c, "10.0.1.12");
  ASSERT_TRUE(intruder.ok()) << intruder.error().what;
  ASSERT_TRUE(intruder->goes_on());
  EXPECT_THAT(text_of(whole_round()), HasSubstr("identities"));
  EXPECT_FALSE(intruder->goes_on(300));
  EXPECT_TRUE(talk_->goes_on());
}

TEST_F(Drift, PinsComeBack) {
  const auto names = *os::list_directory("/run/bpf/weft");
  ASSERT_FALSE(names.empty());
  for (const std::string& name : names) ASSERT_TRUE(os::remove_file("/run/bpf/weft/" + name).ok());
  EXPECT_THAT(whole_round(), SizeIs(names.size()));
  EXPECT_EQ(*os::list_directory("/run/bpf/weft"), names);
  // A later weftd finds the same maps, and every flow.
  datapath_.reset();
  open();
  tell_all();
  EXPECT_TRUE(talk_->goes_on());
}

TEST_F(Drift, NamesOfNamespacesComeBack) {
  const std::string name = Names{}.netns_of(state_.get(b_).workload);
  ASSERT_TRUE(os::remove_netns(name).ok());
  EXPECT_THAT(text_of(whole_round()), HasSubstr(name));
  EXPECT_TRUE(pings(b_, "10.0.1.10"));
  EXPECT_TRUE(talk_->goes_on());
  // Only the mount.
  ASSERT_EQ(in_instance({"umount", "/run/netns/" + name}), 0);
  EXPECT_THAT(text_of(whole_round()), HasSubstr(name));
  EXPECT_TRUE(talk_->goes_on());
  ASSERT_TRUE(os::remove_netns("weft").ok());
  EXPECT_THAT(text_of(whole_round()), HasSubstr("weft"));
  EXPECT_TRUE(os::find_netns("weft")->has_value());
  EXPECT_EQ(text_of(whole_round()), "");
}

TEST_F(Drift, ANamespaceIsFoundByWhoIsInIt) {
  const std::string name = Names{}.netns_of(state_.get(b_).workload);
  const os::Fd netns = netns_of(b_);
  const auto process = os::spawn_detached({.argv = {"sleep", "1000"}, .netns = &netns});
  ASSERT_TRUE(process.ok()) << process.error().what;
  datapath_.reset();
  ASSERT_TRUE(os::remove_netns(name).ok());
  open();
  tell_all();
  EXPECT_EQ(text_of(whole_round()), "");
  EXPECT_TRUE(talk_->goes_on());
  EXPECT_TRUE(pings(b_, "10.0.1.10"));
  EXPECT_EQ(kill(*process, SIGKILL), 0);
}

TEST_F(Drift, ANamespaceWithoutANameIsAProblemAsLongAsItIs) {
  const model::Workload empty{
      .id = id<model::WorkloadId>(), .name = "empty", .machine = machine_, .kind = model::WorkloadKind::External};
  apply({empty});
  const std::string path = "/run/netns/" + Names{}.netns_of(empty.id);
  const auto begin_without_name = [&] {
    datapath_.reset();
    ASSERT_TRUE(os::remove_netns(Names{}.netns_of(empty.id)).ok());
    ASSERT_TRUE(std::filesystem::create_directories(path + "/in-the-way"));
    open();
    datapath_->update(state_, state_.everything(), clocks());
    EXPECT_THAT(datapath_->problems(), ElementsAre(Pair("namespace of " + empty.id.text, HasSubstr("directory"))));
  };
  begin_without_name();
  std::filesystem::remove_all(path);
  EXPECT_THAT(text_of(whole_round()), HasSubstr("namespace"));
  begin_without_name();
  std::filesystem::remove_all(path);
  run({.at = {}, .actor = {}, .operations = {model::Remove{empty.id}}});  // expects no problems
}

// Nobody held it: then it is gone, and what was in it.
TEST_F(Drift, ANamespaceThatIsLostIsMadeAnew) {
  talk_.reset();
  const auto c = workload("c", "10.0.1.12", default_group_);
  const std::string netns = Names{}.netns_of(state_.get(c).workload);
  ASSERT_TRUE(os::remove_netns(netns).ok());
  // The one that has lost its name answers for a moment yet.
  const auto is_anew = [&] { return os::open_netns(netns).ok() && pings(a_, "10.0.1.12"); };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_anew() && std::chrono::steady_clock::now() < deadline) {
    let_time_pass();
    datapath_->heal(state_, clocks());
  }
  EXPECT_TRUE(is_anew());
}

// Listening to very many costs the kernel more than looking does.
TEST_F(Drift, WhatIsNotHeardOfIsFoundByARound) {
  datapath_.reset();
  most_heard_ = 1;
  open();
  tell_all();
  EXPECT_EQ(text_of(whole_round()), "");
  ASSERT_EQ(in(b_, {"ip", "route", "del", "default"}), 0);
  EXPECT_EQ(text_of(datapath_->look_again(state_, clocks())), "");
  EXPECT_THAT(text_of(whole_round()), HasSubstr(b_.text));
  EXPECT_TRUE(talk_->goes_on());
  // One less, and it is heard of again: from the first round after the link went.
  talk_.reset();
  run({.operations = {model::Remove{a_}, model::Remove{state_.get(a_).workload}}});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (datapath_->links().count_doomed() != 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  let_time_pass();
  EXPECT_EQ(text_of(whole_round()), "");
  ASSERT_EQ(in(b_, {"ip", "route", "del", "default"}), 0);
  EXPECT_THAT(text_of(after_notice()), HasSubstr(b_.text));
}

TEST_F(Drift, ARoundOfManyRowsTakesManyTurns) {
  std::vector<model::Object> rules;
  for (int i = 0; i < 990; ++i) {
    rules.push_back(model::Rule{.id = id<model::RuleId>(),
                                .group = default_group_,
                                .direction = Direction::In,
                                .traffic = *model::Traffic::parse(fmt::format("tcp:{}", i + 1)),
                                .peer = Prefix::of(Address::v4(0x0b000000u + static_cast<uint32_t>(i) * 256), 24)});
  }
  apply(std::move(rules));
  const Bpf& bpf = datapath_->bpf();
  const auto last = std::prev(datapath_->policy().tables().cells.end())->first;
  ASSERT_TRUE(bpf.cells.remove(key_of(last)).ok());
  int turns = 0;
  Repairs repairs;
  do {
    for (auto& repair : datapath_->heal(state_, clocks())) repairs.push_back(std::move(repair));
    ++turns;
  } while (!datapath_->round_is_over());
  EXPECT_GE(turns, 2);
  EXPECT_THAT(text_of(repairs), HasSubstr("cells"));
  EXPECT_TRUE(bpf.cells.find(key_of(last))->has_value());
}

}  // namespace
}  // namespace weft::datapath
