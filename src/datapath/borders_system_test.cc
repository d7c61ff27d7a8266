// Routes, appliances and ACLs between real namespaces.
#include <gmock/gmock.h>

#include "datapath/rig.h"

namespace weft::datapath {
namespace {

// `a` in 10.0.1.0/24, `b` in 10.0.2.0/24, and `wall` in 10.0.3.0/24, which forwards. Groups
// let everything pass.
class BordersTest : public DatapathTest {
 protected:
  void SetUp() override {
    DatapathTest::SetUp();
    own_ = table("own");
    for (const Direction direction : {Direction::In, Direction::Out}) {
      allow(default_group_, direction, "all", Prefix::any(net::Family::V4));
      allow(default_group_, direction, "all", Prefix::any(net::Family::V6));
    }
    for (const auto& [id, third] : {std::pair{db_, "2"}, {middle_, "3"}}) {
      apply({model::Subnet{.id = id,
                           .name = std::string("s") + third,
                           .vpc = vpc_,
                           .cidr = *Prefix::parse(std::string("10.0.") + third + ".0/24"),
                           .cidr6 = *Prefix::parse(std::string("fd12:3456:789a:") + third + "::/64"),
                           .table = id == middle_ ? own_ : model::RouteTableId()}});
    }
    a_ = workload("a", "10.0.1.10", default_group_);
    b_ = place("b", db_, "10.0.2.20", model::SourceCheck::On);
    wall_ = place("wall", middle_, "10.0.3.5", model::SourceCheck::Off);
    ASSERT_EQ(in(wall_, {"sh", "-c",
                         "echo 1 >/proc/sys/net/ipv4/ip_forward; "
                         "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"}),
              0);
  }

  model::RouteTableId table(const std::string& name) {
    const auto table = id<model::RouteTableId>();
    apply({model::RouteTable{.id = table, .name = name, .vpc = vpc_}});
    return table;
  }
  model::TniId place(const std::string& name, const model::SubnetId& subnet, const std::string& ip,
                     model::SourceCheck check) {
    const auto w = id<model::WorkloadId>();
    const auto t = id<model::TniId>();
    const auto host = static_cast<uint8_t>(Address::parse(ip)->v4_host_order());
    apply({model::Workload{.id = w, .name = name, .machine = machine_, .kind = model::WorkloadKind::External},
           model::Tni{.id = t,
                      .name = name,
                      .vpc = vpc_,
                      .subnet = subnet,
                      .mac = {{2, 0, 0, 0, 2, host}},
                      .ip = *Address::parse(ip),
                      .ip6 = state_.get(subnet).cidr6->first().plus(host),
                      .groups = {default_group_},
                      .source_check = check,
                      .machine = machine_,
                      .workload = w}});
    return t;
  }
  model::RouteId route(const std::string& to, model::RouteTarget target) {
    const auto route = id<model::RouteId>();
    apply({model::Route{.id = route,
                        .table = state_.get(vpc_).main_table,
                        .destination = *Prefix::parse(to),
                        .target = std::move(target)}});
    return route;
  }
  void by_the_wall() {
    for (const char* to : {"10.0.1.0/24", "10.0.2.0/24", "fd12:3456:789a:1::/64", "fd12:3456:789a:2::/64"}) {
      routes_.push_back(route(to, wall_));
    }
  }
  uint64_t passed(const model::TniId& tni) { return datapath_->counters_of(tni)->received_packets; }
  model::AclId acl(const model::SubnetId& of) {
    const auto acl = id<model::AclId>();
    model::Subnet subnet = state_.get(of);
    subnet.acl = acl;
    apply({model::Acl{.id = acl, .name = "a" + std::to_string(rng_.below(1000)), .vpc = vpc_}, subnet});
    return acl;
  }
  model::AclRuleId acl_rule(const model::AclId& acl, Direction direction, uint16_t number, const std::string& traffic,
                            model::Action action = model::Action::Allow) {
    const auto rule = id<model::AclRuleId>();
    apply({model::AclRule{.id = rule,
                          .acl = acl,
                          .direction = direction,
                          .number = number,
                          .action = action,
                          .traffic = *model::Traffic::parse(traffic),
                          .prefix = Prefix::any(net::Family::V4)}});
    return rule;
  }

  const model::SubnetId db_ = id<model::SubnetId>(), middle_ = id<model::SubnetId>();
  model::RouteTableId own_;
  model::TniId a_, b_, wall_;
  std::vector<model::RouteId> routes_;
};

TEST_F(BordersTest, ARouteLeadsByAnApplianceAndBack) {
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  EXPECT_EQ(passed(wall_), 0u);
  by_the_wall();
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  EXPECT_EQ(passed(wall_), 2u);  // the request and the answer
  EXPECT_TRUE(pings(a_, "fd12:3456:789a:2::14"));
  EXPECT_GT(passed(wall_), 2u);
  EXPECT_TRUE(pings(b_, "10.0.1.10"));
  ASSERT_EQ(in(wall_, {"sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward"}), 0);
  EXPECT_FALSE(pings(a_, "10.0.2.20"));
  // Without the routes nothing stands between.
  for (const model::RouteId& route : routes_) run({.operations = {model::Remove{route}}});
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
}

TEST_F(BordersTest, AnApplianceThatIsGoneLeavesABlackhole) {
  by_the_wall();
  ASSERT_TRUE(pings(a_, "10.0.2.20"));
  const auto home = state_.get(wall_).workload;
  apply({detached(wall_)});
  EXPECT_FALSE(pings(a_, "10.0.2.20"));
  apply({attached(wall_, home)});
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  // One that takes only what is its own is no appliance.
  model::Tni strict = state_.get(wall_);
  strict.source_check = model::SourceCheck::On;
  apply({strict});
  EXPECT_FALSE(pings(a_, "10.0.2.20"));
}

TEST_F(BordersTest, AnAclJudgesAnswersToo) {
  const auto closed = acl(db_);
  EXPECT_FALSE(pings(a_, "10.0.2.20"));
  acl_rule(closed, Direction::In, 10, "icmp:8");
  EXPECT_FALSE(pings(a_, "10.0.2.20"));
  const auto back = acl_rule(closed, Direction::Out, 10, "icmp:0");
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  EXPECT_GT(*datapath_->hits_of(back), 0u);
  EXPECT_FALSE(pings(b_, "10.0.1.10"));
  const auto denied = acl_rule(closed, Direction::Out, 5, "all", model::Action::Deny);
  EXPECT_FALSE(pings(a_, "10.0.2.20"));
  run({.operations = {model::Remove{denied}}});
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  // Inside of a subnet nothing crosses a border.
  const auto beside = place("beside", db_, "10.0.2.21", model::SourceCheck::On);
  EXPECT_TRUE(pings(beside, "10.0.2.20"));
}

TEST_F(BordersTest, ANewDaemonGoesOnWithThem) {
  by_the_wall();
  const auto open_acl = acl(db_);
  acl_rule(open_acl, Direction::In, 10, "icmp");
  acl_rule(open_acl, Direction::Out, 10, "icmp");
  ASSERT_TRUE(pings(a_, "10.0.2.20"));
  datapath_.reset();
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  open();
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  tell_all();
  EXPECT_TRUE(pings(a_, "10.0.2.20"));
  // What is in the kernel is what the tables say, and nothing of before.
  const auto routes = datapath_->bpf().routes.all();
  const auto acls = datapath_->bpf().acls.all();
  ASSERT_TRUE(routes.ok() && acls.ok());
  EXPECT_EQ(routes->size(), datapath_->borders().tables().routes.size());
  EXPECT_EQ(acls->size(), datapath_->borders().tables().acls.size());
  // A subnet that went while nobody was there is forgotten.
  apply({detached(b_)});
  run({.operations = {model::Remove{b_}, model::Remove{routes_[1]}, model::Remove{routes_[3]}}});
  datapath_.reset();
  ASSERT_TRUE(state_.apply({.operations = {model::Remove{db_}}}).ok());
  open();
  tell_all();
  const auto subnets = datapath_->bpf().subnets.all();
  ASSERT_TRUE(subnets.ok());
  for (const auto& [slot, row] : *subnets) EXPECT_NE(row.id, db_.number());
}

TEST_F(BordersTest, RowsThatSomebodyTookAwayComeBack) {
  const auto closed = acl(db_);
  acl_rule(closed, Direction::In, 10, "icmp");
  acl_rule(closed, Direction::Out, 10, "icmp");
  by_the_wall();
  ASSERT_TRUE(pings(a_, "10.0.2.20"));
  const auto routes = datapath_->bpf().routes.all();
  const auto acls = datapath_->bpf().acls.all();
  const auto subnets = datapath_->bpf().subnets.all();
  ASSERT_TRUE(routes.ok() && acls.ok() && subnets.ok());
  for (const auto& [key, row] : *routes) ASSERT_TRUE(datapath_->bpf().routes.remove(key).ok());
  for (const auto& [key, row] : *acls) ASSERT_TRUE(datapath_->bpf().acls.remove(key).ok());
  for (const auto& [slot, row] : *subnets) {
    if (row.id == 0) continue;
    ASSERT_TRUE(datapath_->bpf().subnets.put(slot, {}).ok());
  }
  // Another flow: one that is open is judged by what it remembers.
  EXPECT_FALSE(pings(b_, "10.0.1.10"));
  size_t repairs = 0;
  do {
    repairs += datapath_->heal(state_, clocks()).size();
  } while (!datapath_->round_is_over());
  EXPECT_GE(repairs, 3u);
  EXPECT_TRUE(pings(b_, "10.0.1.10"));
}

}  // namespace
}  // namespace weft::datapath
