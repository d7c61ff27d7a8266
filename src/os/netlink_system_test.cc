#include <linux/bpf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "os/clock.h"
#include "os/isolated.h"
#include "os/netlink.h"
#include "os/netlink_address.h"
#include "os/netlink_link.h"
#include "os/netlink_monitor.h"
#include "os/netlink_route.h"
#include "os/netlink_tc.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::os {
namespace {

using base::Code;
using net::Address;
using net::Mac;
using net::Prefix;

Address address(const char* text) { return *Address::parse(text); }
Prefix prefix(const char* text) { return *Prefix::parse(text); }
Mac mac(const char* text) { return *Mac::parse(text); }

// Two machines: the process's own namespace, and "far" at the wire's other end.
class Rtnetlink : public Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    far_netns_ = *create_netns("far");
    near_ = std::make_unique<Netlink>(*Netlink::open());
    far_ = std::make_unique<Netlink>(*Netlink::open_in(far_netns_));
  }
  void TearDown() override {
    EXPECT_TRUE(near_->apply({remove_link(kNear), remove_link(kNear + 1)}).ok());
    EXPECT_TRUE(remove_netns("far").ok());
  }

  static constexpr int kNear = 100;
  static constexpr int kFar = 2;
  VethPair pair() const {
    return {
        .name = "near0",
        .index = kNear,
        .mac = mac("02:00:00:00:00:01"),
        .mtu = 1400,
        .group = 77,
        .state = LinkState::Up,
        .peer = {.name = "eth0", .index = kFar, .mac = mac("02:00:00:00:00:02"), .mtu = 1350, .netns = &far_netns_}};
  }
  void connect() {
    ASSERT_TRUE(near_->apply({create_veth(pair())}).ok());
    ASSERT_TRUE(far_->apply({change_link({.index = kFar, .state = LinkState::Up})}).ok());
  }
  // What `ip` or `tc` says, so that our writing is not judged by our reading alone.
  static std::string shown(std::vector<std::string> argv) {
    const auto ran = run_program({.argv = std::move(argv)});
    return ran.ok() ? ran->output + ran->errors : ran.error().what;
  }

  Fd far_netns_;
  std::unique_ptr<Netlink> near_;
  std::unique_ptr<Netlink> far_;
};

TEST_F(Rtnetlink, VethIsMadeInTwoNamespaces) {
  connect();
  const auto near = find_link(*near_, "near0");
  ASSERT_TRUE(near.ok() && near->has_value());
  EXPECT_EQ((*near)->index, kNear);
  EXPECT_EQ((*near)->kind, "veth");
  EXPECT_EQ((*near)->mac, mac("02:00:00:00:00:01"));
  EXPECT_EQ((*near)->mtu, 1400U);
  EXPECT_EQ((*near)->group, 77U);
  EXPECT_EQ((*near)->peer, kFar);
  EXPECT_EQ((*near)->state(), LinkState::Up);

  const auto links = read_links(*far_);
  ASSERT_TRUE(links.ok());
  ASSERT_EQ(links->size(), 2U);
  EXPECT_EQ(links->front().name, "lo");
  EXPECT_EQ(links->back().name, "eth0");
  EXPECT_EQ(links->back().index, kFar);
  EXPECT_EQ(links->back().mtu, 1350U);
  EXPECT_EQ(links->back().mac, mac("02:00:00:00:00:02"));
  EXPECT_EQ(links->back().state(), LinkState::Up);
  EXPECT_EQ(*link_index(*far_, "eth0"), kFar);
  EXPECT_EQ(link_index(*far_, "near0").error().code, Code::NotFound);
  EXPECT_FALSE(find_link(*far_, "near0")->has_value());
}

TEST_F(Rtnetlink, LinkChanges) {
  connect();
  ASSERT_TRUE(
      near_
          ->apply({change_link(
              {.index = kNear, .mtu = 1280, .mac = mac("02:00:00:00:00:07"), .alias = "weft tni-1", .group = 78})})
          .ok());
  ASSERT_TRUE(near_
                  ->apply({change_link({.index = kNear, .state = LinkState::Down}),
                           change_link({.index = kNear, .name = "renamed"})})
                  .ok());
  const auto link = find_link(*near_, "renamed");
  ASSERT_TRUE(link->has_value());
  EXPECT_EQ((*link)->mtu, 1280U);
  EXPECT_EQ((*link)->mac, mac("02:00:00:00:00:07"));
  EXPECT_EQ((*link)->alias, "weft tni-1");
  EXPECT_EQ((*link)->group, 78U);
  EXPECT_EQ((*link)->state(), LinkState::Down);

  ASSERT_TRUE(near_->apply({change_link({.index = kNear, .name = "moved", .netns = &far_netns_})}).ok());
  EXPECT_FALSE(find_link(*near_, "renamed")->has_value());
  EXPECT_TRUE(find_link(*far_, "moved")->has_value());
}

bool has_link_local(Netlink& netlink, int link) {
  const auto addresses = read_addresses(netlink);
  return std::any_of(addresses->begin(), addresses->end(),
                     [&](const LinkAddress& found) { return found.link == link && found.address.is_link_local(); });
}

TEST_F(Rtnetlink, LinkLocalAddressIsSuppressed) {
  VethPair quiet = pair();
  quiet.state = LinkState::Down;
  ASSERT_TRUE(near_
                  ->apply({create_veth(quiet), suppress_link_local(kNear),
                           change_link({.index = kNear, .state = LinkState::Up})})
                  .ok());
  ASSERT_TRUE(far_->apply({change_link({.index = kFar, .state = LinkState::Up})}).ok());
  // The other end, which was not told so, gets its address once it has carrier.
  const auto deadline = now_boot() + std::chrono::seconds(20);
  while (!has_link_local(*far_, kFar) && now_boot() < deadline) poll(nullptr, 0, 1);
  EXPECT_TRUE(has_link_local(*far_, kFar));
  EXPECT_FALSE(has_link_local(*near_, kNear));
  EXPECT_NE(shown({"ip", "-d", "link", "show", "near0"}).find("addrgenmode none"), std::string::npos);
}

TEST_F(Rtnetlink, GroupsAreRemovedAtOnce) {
  std::vector<Request> requests;
  for (int i = 0; i < 3; ++i) {
    requests.push_back(create_veth({.name = fmt::format("g{}", i),
                                    .group = i < 2 ? 7U : 8U,
                                    .peer = {.name = fmt::format("p{}", i), .netns = &far_netns_}}));
  }
  ASSERT_TRUE(near_->apply(requests).ok());
  ASSERT_TRUE(near_->apply({remove_link_group(7), remove_link_group(7)}).ok());
  const auto links = read_links(*near_);
  ASSERT_EQ(links->size(), 2U);
  EXPECT_EQ(links->back().name, "g2");
  ASSERT_TRUE(near_->apply({remove_link(links->back().index), remove_link(links->back().index)}).ok());
}

TEST_F(Rtnetlink, AddressesOfBothFamilies) {
  connect();
  const LinkAddress four{.link = kFar, .address = address("10.0.1.7"), .length = 24};
  const LinkAddress six{.link = kFar, .address = address("fd00::7"), .length = 64};
  const LinkAddress routed{.link = kFar, .address = address("10.0.9.7"), .length = 24, .prefix_route = true};
  ASSERT_TRUE(far_->apply({put_address(four, Create::Exclusive), put_address(six, Create::Exclusive),
                           put_address(routed, Create::Exclusive)})
                  .ok());
  ASSERT_TRUE(far_->apply({put_address(four, Create::Replace), put_address(six, Create::Replace)}).ok());
  EXPECT_FALSE(far_->apply({put_address(four, Create::Exclusive)}).ok());

  auto addresses = *read_addresses(*far_);
  std::erase_if(addresses, [](const LinkAddress& a) { return a.address.is_link_local() || a.address.is_loopback(); });
  EXPECT_EQ(addresses, (std::vector<LinkAddress>{four, routed, six}));
  EXPECT_EQ(shown({"ip", "-n", "far", "-6", "addr", "show", "tentative"}).find("fd00::7"), std::string::npos);
  // Only the third brought a route with it.
  const auto routes = *read_routes(*far_, kMainTable);
  EXPECT_EQ(std::count_if(routes.begin(), routes.end(), [](const Route& r) { return r.to.first().is_v4(); }), 1);

  ASSERT_TRUE(far_->apply({remove_address(four), remove_address(six), remove_address(four)}).ok());
  const auto left = *read_addresses(*far_);
  EXPECT_EQ(std::count(left.begin(), left.end(), four) + std::count(left.begin(), left.end(), six), 0);
}

TEST_F(Rtnetlink, RoutesOfBothFamilies) {
  connect();
  constexpr uint32_t kTable = 1000;  // does not fit the header's field
  ASSERT_TRUE(
      far_->apply({put_address({.link = kFar, .address = address("10.0.1.7"), .length = 32}, Create::Exclusive),
                   put_address({.link = kFar, .address = address("fd00::7"), .length = 128}, Create::Exclusive)})
          .ok());
  const std::vector<Route> routes = {
      {.to = prefix("fd00::/64"), .link = kFar, .table = kTable, .metric = 5},
      {.to = prefix("fd01::/64"), .kind = Route::Kind::Blackhole, .table = kTable, .metric = 5},
      {.to = prefix("0.0.0.0/0"),
       .link = kFar,
       .via = address("10.0.1.1"),
       .onlink = true,
       .source = address("10.0.1.7"),
       .table = kTable,
       .metric = 20,
       .mtu = 1300,
       .protocol = 210},
      {.to = prefix("10.0.1.0/24"), .link = kFar, .table = kTable},
      {.to = prefix("10.1.0.0/16"), .kind = Route::Kind::Blackhole, .table = kTable}};
  std::vector<Request> requests;
  for (const auto& route : routes) requests.push_back(put_route(route, Create::Exclusive));
  EXPECT_TRUE(read_routes(*far_, kTable)->empty());
  ASSERT_TRUE(far_->apply(requests).ok());
  auto expected = routes;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(*read_routes(*far_, kTable), expected);
  const std::string text = shown({"ip", "-n", "far", "route", "show", "table", "1000"});
  const std::string line = "default via 10.0.1.1 dev eth0 proto 210 src 10.0.1.7 metric 20 onlink mtu 1300";
  EXPECT_NE(text.find(line), std::string::npos) << text;

  EXPECT_FALSE(far_->apply({put_route(routes[3], Create::Exclusive)}).ok());
  Route changed = routes[3];
  changed.mtu = 1234;
  ASSERT_TRUE(far_->apply({put_route(changed, Create::Replace), put_route(routes[0], Create::Replace)}).ok());
  EXPECT_EQ(read_routes(*far_, kTable)->size(), routes.size());

  requests.clear();
  for (const auto& route : routes) requests.push_back(remove_route(route));
  requests.push_back(remove_route(routes[0]));
  ASSERT_TRUE(far_->apply(requests).ok());
  EXPECT_TRUE(read_routes(*far_, kTable)->empty());
}

TEST_F(Rtnetlink, DefaultRouteOfVersionSix) {
  connect();
  const Route route{.to = prefix("::/0"), .link = kFar, .via = address("fe80::1"), .onlink = true, .metric = 1024};
  ASSERT_TRUE(far_->apply({put_route(route, Create::Exclusive)}).ok());
  const auto routes = *read_routes(*far_, kMainTable);
  EXPECT_EQ(std::count(routes.begin(), routes.end(), route), 1);
}

TEST_F(Rtnetlink, RulesOfBothFamilies) {
  const Rule four{.priority = 100, .from = prefix("10.0.1.7/32"), .table = 1000, .protocol = 210};
  const Rule six{.priority = 100, .from = prefix("fd00::/64"), .table = 1000, .protocol = 210};
  const Rule all{.priority = 50, .from = prefix("0.0.0.0/0"), .table = 7, .protocol = 210};
  ASSERT_TRUE(far_->apply({put_rule(four, Create::Exclusive), put_rule(six, Create::Exclusive),
                           put_rule(all, Create::Exclusive), put_rule(four, Create::Replace)})
                  .ok());
  EXPECT_FALSE(far_->apply({put_rule(four, Create::Exclusive)}).ok());
  EXPECT_EQ(shown({"ip", "-n", "far", "rule", "add", "iif", "lo", "lookup", "9"}), "");
  auto rules = *read_rules(*far_);
  EXPECT_EQ(rules.size(), 3U + 5U);  // the kernel's own: local, main and default; local and main
  std::erase_if(rules, [](const Rule& rule) { return rule.protocol != 210; });
  EXPECT_EQ(rules, (std::vector<Rule>{all, four, six}));
  ASSERT_TRUE(far_->apply({remove_rule(four), remove_rule(six), remove_rule(all), remove_rule(four)}).ok());
  EXPECT_EQ(read_rules(*far_)->size(), 5U);
}

TEST_F(Rtnetlink, NeighboursOfBothFamilies) {
  connect();
  const Neighbour four{.link = kFar, .address = address("10.0.1.1"), .mac = mac("02:00:00:00:00:01")};
  const Neighbour six{.link = kFar, .address = address("fd00::1"), .mac = mac("02:00:00:00:00:01")};
  Neighbour changed = four;
  changed.mac = mac("02:00:00:00:00:05");
  ASSERT_TRUE(far_->apply({put_neighbour(four, Create::Exclusive), put_neighbour(six, Create::Exclusive)}).ok());
  EXPECT_EQ(*read_neighbours(*far_), (std::vector<Neighbour>{four, six}));
  EXPECT_FALSE(far_->apply({put_neighbour(changed, Create::Exclusive)}).ok());
  ASSERT_TRUE(far_->apply({put_neighbour(changed, Create::Replace)}).ok());
  EXPECT_EQ(*read_neighbours(*far_), (std::vector<Neighbour>{changed, six}));
  ASSERT_TRUE(far_->apply({remove_neighbour(four), remove_neighbour(six), remove_neighbour(six)}).ok());
  EXPECT_TRUE(read_neighbours(*far_)->empty());
}

TEST_F(Rtnetlink, FailuresAreToldOneByOne) {
  connect();
  const LinkAddress good{.link = kFar, .address = address("10.0.1.7"), .length = 24};
  const LinkAddress bad{.link = 4000, .address = address("10.0.1.8"), .length = 24};
  const Route lost{.to = prefix("10.9.0.0/16"), .link = kFar, .via = address("10.77.0.1")};
  const std::vector<Request> requests = {put_address(bad, Create::Replace), put_route(lost, Create::Replace),
                                         put_address(good, Create::Replace)};
  const auto failures = far_->send(requests);
  ASSERT_TRUE(failures.ok());
  ASSERT_EQ(failures->size(), 2U);
  EXPECT_EQ((*failures)[0].request, 0U);
  EXPECT_EQ((*failures)[0].number, ENODEV);
  EXPECT_EQ((*failures)[0].error.what.find("add address 10.0.1.8/24 of link 4000: No such device"), 0U)
      << (*failures)[0].error.what;
  EXPECT_EQ((*failures)[1].request, 1U);
  EXPECT_EQ((*failures)[1].number, ENETUNREACH);
  EXPECT_EQ((*failures)[1].error.what,
            "add route 10.9.0.0/16 via 10.77.0.1 in table 254: Network is unreachable "
            "(Nexthop has invalid gateway)");
  const auto addresses = *read_addresses(*far_);
  EXPECT_EQ(std::count(addresses.begin(), addresses.end(), good), 1);

  const auto applied = far_->apply(requests);
  EXPECT_NE(applied.error().what.find("(and 1 more)"), std::string::npos);
}

TEST_F(Rtnetlink, BatchLargerThanASend) {
  connect();
  std::vector<Request> requests;
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < 500; ++i) {
      requests.push_back(
          put_neighbour({.link = kFar, .address = address("10.5.0.0").plus(i), .mac = Mac{}}, Create::Exclusive));
    }
  }
  const auto failures = far_->send(requests);
  ASSERT_TRUE(failures.ok());
  ASSERT_EQ(failures->size(), 500U);  // all of the second round
  EXPECT_EQ(failures->front().request, 500U);
  EXPECT_EQ(failures->back().request, 999U);
  EXPECT_EQ(failures->back().number, EEXIST);
  EXPECT_EQ(read_neighbours(*far_)->size(), 500U);
  EXPECT_TRUE(far_->send({})->empty());
}

TEST_F(Rtnetlink, LargeDumpComesWhole) {
  std::vector<Request> requests;
  for (int i = 0; i < 300; ++i) {
    requests.push_back(
        create_veth({.name = fmt::format("a{}", i), .group = 7, .peer = {.name = fmt::format("b{}", i)}}));
  }
  ASSERT_TRUE(far_->apply(requests).ok());
  const auto links = *read_links(*far_);
  EXPECT_EQ(links.size(), 601U);
  EXPECT_TRUE(std::is_sorted(links.begin(), links.end()));
}

// A program of two instructions: return TC_ACT_UNSPEC, on to the next filter.
struct Program1 {
  Fd fd;
  uint32_t id = 0;
};
Program1 load_program() {
  const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = -1},
                           {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  const char license[] = "Apache-2.0";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insn_cnt = 2;
  attributes.insns = reinterpret_cast<uint64_t>(code);
  attributes.license = reinterpret_cast<uint64_t>(license);
  Program1 program{.fd = Fd(static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes)))};
  bpf_prog_info info{};
  bpf_attr question{};
  question.info.bpf_fd = static_cast<uint32_t>(program.fd.get());
  question.info.info_len = sizeof info;
  question.info.info = reinterpret_cast<uint64_t>(&info);
  EXPECT_EQ(syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &question, sizeof question), 0);
  program.id = info.id;
  return program;
}

TEST_F(Rtnetlink, FiltersAreAttachedExchangedAndRemoved) {
  connect();
  const auto first = load_program();
  const auto second = load_program();
  const FilterPlace in{.link = kNear, .hook = Hook::Ingress, .priority = 1, .handle = 1};
  const FilterPlace out{.link = kNear, .hook = Hook::Egress, .priority = 7, .handle = 3};
  EXPECT_TRUE(near_->apply({remove_filter(in), remove_hooks(kNear)}).ok());  // nothing there: done already
  EXPECT_FALSE(near_->apply({put_filter(in, first.fd, "weft", Create::Replace)}).ok());
  ASSERT_TRUE(near_
                  ->apply({put_clsact(kNear), put_clsact(kNear), put_filter(in, first.fd, "weft-in", Create::Exclusive),
                           put_filter(out, first.fd, "weft-out", Create::Replace)})
                  .ok());
  EXPECT_EQ(*read_filters(*near_, kNear),
            (std::vector<Filter>{{in, first.id, "weft-in"}, {out, first.id, "weft-out"}}));
  EXPECT_NE(shown({"tc", "filter", "show", "dev", "near0", "egress"})
                .find("pref 7 bpf chain 0 handle 0x3 weft-out "
                      "direct-action"),
            std::string::npos);

  EXPECT_FALSE(near_->apply({put_filter(in, second.fd, "weft-in", Create::Exclusive)}).ok());
  ASSERT_TRUE(near_->apply({put_filter(in, second.fd, "weft-2", Create::Replace), put_clsact(kNear)}).ok());
  EXPECT_EQ(*read_filters(*near_, kNear),
            (std::vector<Filter>{{in, second.id, "weft-2"}, {out, first.id, "weft-out"}}));

  ASSERT_TRUE(near_->apply({remove_filter(in), remove_filter(in)}).ok());
  EXPECT_EQ(*read_filters(*near_, kNear), (std::vector<Filter>{{out, first.id, "weft-out"}}));
  ASSERT_TRUE(near_->apply({remove_hooks(kNear), remove_hooks(kNear)}).ok());
  EXPECT_FALSE(read_filters(*near_, kNear).value_or(std::vector<Filter>{}).size() > 0);
}

TEST_F(Rtnetlink, ABlockIsSharedByItsNumber) {
  connect();
  const auto program = load_program();
  const FilterPlace place{.block = 5};
  ASSERT_TRUE(near_->apply({put_shared_ingress(kNear, 5)}).ok());
  EXPECT_EQ(*find_shared_block(*near_, kNear), std::nullopt);  // empty
  ASSERT_TRUE(near_->apply({put_filter(place, program.fd, "weft", Create::Replace)}).ok());
  EXPECT_EQ(*find_shared_block(*near_, kNear), 5u);
  // A filter of another kind is in the way of ours.
  ASSERT_TRUE(near_->apply({clear_priority(place), clear_priority(place)}).ok());
  ASSERT_EQ(run_program({.argv = {"tc", "filter", "add", "block", "5", "pref", "1", "protocol", "all", "u32", "match",
                                  "u32", "0", "0"}})
                ->status,
            0);
  EXPECT_FALSE(near_->apply({put_filter(place, program.fd, "weft", Create::Replace)}).ok());
  EXPECT_TRUE(near_->apply({clear_priority(place), put_filter(place, program.fd, "weft", Create::Replace)}).ok());
  EXPECT_EQ(find_filter(*near_, place)->value().program, program.id);
  ASSERT_TRUE(near_->apply({remove_hooks(kNear), put_clsact(kNear)}).ok());
  ASSERT_TRUE(near_->apply({put_filter({.link = kNear}, program.fd, "weft", Create::Replace)}).ok());
  EXPECT_EQ(*find_shared_block(*near_, kNear), std::nullopt);  // its own
}

TEST_F(Rtnetlink, CarriesPackets) {
  connect();
  ASSERT_TRUE(
      near_
          ->apply(
              {put_address({.link = kNear, .address = address("10.0.1.1"), .length = 24, .prefix_route = true},
                           Create::Replace),
               put_neighbour({.link = kNear, .address = address("10.0.1.7"), .mac = pair().peer.mac}, Create::Replace)})
          .ok());
  ASSERT_TRUE(
      far_->apply({put_address({.link = kFar, .address = address("10.0.1.7"), .length = 32}, Create::Replace),
                   put_route({.to = prefix("10.0.1.1/32"), .link = kFar}, Create::Replace),
                   put_neighbour({.link = kFar, .address = address("10.0.1.1"), .mac = pair().mac}, Create::Replace)})
          .ok());
  EXPECT_EQ(run_program({.argv = {"ping", "-c", "1", "-W", "5", "10.0.1.7"}})->status, 0);
}

TEST_F(Rtnetlink, MonitorTellsWhatToReadAnew) {
  auto monitor = Monitor::open_in(far_netns_);
  ASSERT_TRUE(monitor.ok());
  EXPECT_FALSE(monitor->drain()->any());
  connect();
  const auto changed = monitor->drain();
  EXPECT_TRUE(changed->links);
  EXPECT_FALSE(changed->rules);
  EXPECT_FALSE(changed->filters);

  ASSERT_TRUE(far_->apply({put_rule({.priority = 5, .from = prefix("10.0.0.0/8"), .table = 9}, Create::Replace)}).ok());
  EXPECT_TRUE(monitor->drain()->rules);
  ASSERT_TRUE(far_->apply({put_clsact(kFar)}).ok());
  EXPECT_TRUE(monitor->drain()->filters);
  ASSERT_TRUE(far_->apply({put_address({.link = kFar, .address = address("10.0.1.7"), .length = 24}, Create::Replace),
                           put_route({.to = prefix("10.9.0.0/16"), .link = kFar}, Create::Replace)})
                  .ok());
  const auto both = monitor->drain();
  EXPECT_TRUE(both->addresses);
  EXPECT_TRUE(both->routes);
}

TEST_F(Rtnetlink, MonitorTellsOfTheNamespacesAround) {
  connect();
  const Fd here = *current_netns();
  auto monitor = Monitor::open_in(here);
  ASSERT_TRUE(monitor.ok()) << monitor.error().what;
  ASSERT_TRUE(monitor->listen_around(Monitor::Around::Yes).ok());
  const auto near = find_link(*near_, kNear);
  ASSERT_TRUE(near.ok() && near->has_value());
  ASSERT_GE((*near)->peer_netns, 0);
  EXPECT_EQ((*near)->peer, kFar);
  ASSERT_TRUE(monitor->drain().ok());  // the kernel may still tell that the wire is whole
  ASSERT_TRUE(
      far_->apply({put_address({.link = kFar, .address = address("10.0.1.7"), .length = 32}, Create::Replace)}).ok());
  const auto there = monitor->drain();
  EXPECT_EQ(there->others, std::set{(*near)->peer_netns});
  EXPECT_FALSE(there->addresses);
  ASSERT_TRUE(near_->apply({put_clsact(kNear)}).ok());
  const auto own = monitor->drain();
  EXPECT_TRUE(own->filters);
  EXPECT_TRUE(own->devices.contains(kNear));
  EXPECT_FALSE(own->devices.contains(kFar));
  ASSERT_TRUE(monitor->listen_around(Monitor::Around::No).ok());
  ASSERT_TRUE(far_->apply({change_link({.index = kFar, .mtu = 1400})}).ok());
  EXPECT_TRUE(monitor->drain()->others.empty());
}

TEST_F(Rtnetlink, MonitorThatMissedNoticesSaysAll) {
  auto monitor = Monitor::open_in(far_netns_);
  ASSERT_TRUE(monitor.ok());
  connect();
  std::vector<Request> flood;
  for (int i = 0; i < 2000; ++i)
    flood.push_back(change_link({.index = kFar, .mtu = 1300U + static_cast<unsigned>(i % 2)}));
  ASSERT_TRUE(far_->apply(flood).ok());
  const auto changed = monitor->drain();
  ASSERT_TRUE(changed.ok());
  EXPECT_TRUE(changed->rules && changed->filters && changed->addresses);
  EXPECT_EQ(changed->notices, Changes::Notices::Lost);
}

}  // namespace
}  // namespace weft::os
