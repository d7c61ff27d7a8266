// Which TNIs have a slot of the data path: those that are attached, and of the others
// those that were attached last, as long as there is room.
#include <gmock/gmock.h>

#include "datapath/rig.h"

namespace weft::datapath {
namespace {

using ::testing::HasSubstr;

class PlacesTest : public DatapathTest {
 protected:
  void SetUp() override {
    DatapathTest::SetUp();
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
    allow(default_group_, Direction::In, "icmp", default_group_);
  }
  void restart() {
    datapath_.reset();
    open();
    tell_all();
  }
  // Of three TNIs at one time.
  void make_narrow() {
    most_tnis_ = 4;
    restart();
  }
  uint64_t sent(const model::TniId& tni) {
    const auto counters = datapath_->counters_of(tni);
    EXPECT_TRUE(counters.ok());
    return counters.ok() ? counters->sent_packets : 0;
  }
  model::WorkloadId home_of(const model::TniId& tni) { return state_.get(tni).workload; }
  bool has_endpoint(const model::TniId& tni) {
    const auto row =
        datapath_->bpf().endpoints.find({.vpc = *datapath_->slot_of(vpc_), .address = address_of(state_.get(tni).ip)});
    EXPECT_TRUE(row.ok());
    return row.ok() && row->has_value();
  }
  void expect_whole() {
    do {
      for (const auto& repair : datapath_->heal(state_, clocks())) ADD_FAILURE() << repair.object << " " << repair.what;
    } while (!datapath_->round_is_over());
  }
};

// Those that are attached to nothing take no slot from those that are.
TEST_F(PlacesTest, ATniHasOneHoweverManyAreDetached) {
  const auto a = workload("a", "10.0.1.10", default_group_);
  const Prefix range = *Prefix::parse("10.0.128.0/17");
  const auto subnet = id<model::SubnetId>();
  std::vector<model::Object> many{model::Subnet{.id = subnet, .name = "many", .vpc = vpc_, .cidr = range}};
  for (uint32_t i = 0; i < abi::MOST_TNIS + 100; ++i) {
    many.emplace_back(model::Tni{.id = id<model::TniId>(),
                                 .name = fmt::format("d{}", i),
                                 .vpc = vpc_,
                                 .subnet = subnet,
                                 .mac = {{2, 0, 0, 1, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}},
                                 .ip = range.first().plus(16 + i),
                                 .groups = {default_group_},
                                 .machine = machine_});
  }
  apply(std::move(many));
  const auto b = workload("b", "10.0.1.11", default_group_);
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  restart();
  EXPECT_TRUE(pings(b, "10.0.1.10"));
}

TEST_F(PlacesTest, WhoComesAgainFindsItsCounters) {
  make_narrow();
  const auto a = workload("a", "10.0.1.10", default_group_), b = workload("b", "10.0.1.11", default_group_);
  const auto home = home_of(b);
  ASSERT_TRUE(pings(b, "10.0.1.10"));
  const uint64_t before = sent(b);
  EXPECT_GT(before, 0u);
  apply({detached(b)});
  EXPECT_FALSE(has_endpoint(b));
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  EXPECT_EQ(sent(b), before);
  restart();
  EXPECT_EQ(sent(b), before);
  expect_whole();
  const auto c = workload("c", "10.0.1.12", default_group_);
  EXPECT_TRUE(pings(c, "10.0.1.10"));
  apply({attached(b, home)});
  EXPECT_GE(sent(b), before);
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  EXPECT_GT(sent(b), before);
  expect_whole();
}

TEST_F(PlacesTest, WhoIsAwayForLongestGivesItsOwnUp) {
  make_narrow();
  const auto a = workload("a", "10.0.1.10", default_group_), b = workload("b", "10.0.1.11", default_group_),
             c = workload("c", "10.0.1.12", default_group_);
  const auto home_b = home_of(b), home_c = home_of(c);
  ASSERT_TRUE(pings(b, "10.0.1.12"));
  const uint64_t sent_by_b = sent(b);
  EXPECT_GT(sent(c), 0u);
  const uint32_t slot = *datapath_->slot_of(c), salt = datapath_->bpf().tnis.get(slot)->salt;
  apply({detached(c)});
  apply({detached(b)});
  restart();  // which doesn't forget who went first
  const auto d = workload("d", "10.0.1.13", default_group_);
  EXPECT_EQ(datapath_->slot_of(d), slot);
  EXPECT_EQ(sent(d), 0u);  // of its own
  EXPECT_FALSE(datapath_->slot_of(c));
  EXPECT_EQ(sent(c), 0u);
  EXPECT_EQ(sent(b), sent_by_b);
  EXPECT_EQ(datapath_->bpf().tnis.get(slot)->id, d.number());
  EXPECT_NE(datapath_->bpf().tnis.get(slot)->salt, salt);  // flows of before aren't its own
  EXPECT_FALSE(pings(a, "10.0.1.12"));
  EXPECT_TRUE(pings(a, "10.0.1.13"));

  apply({attached(c, home_c)});
  EXPECT_FALSE(datapath_->slot_of(b));
  EXPECT_TRUE(pings(c, "10.0.1.13"));
  apply({detached(d)});
  apply({attached(b, home_b)});
  EXPECT_TRUE(pings(b, "10.0.1.12"));
  expect_whole();
}

TEST_F(PlacesTest, BeyondTheMostItIsAProblemUntilOneGoes) {
  make_narrow();
  const auto a = workload("a", "10.0.1.10", default_group_), b = workload("b", "10.0.1.11", default_group_),
             c = workload("c", "10.0.1.12", default_group_);
  const auto home = home_of(c);
  apply({detached(c)});
  workload("d", "10.0.1.13", default_group_);
  carry_out({.operations = {model::Put{attached(c, home)}}});
  EXPECT_THAT(datapath_->problems().at(c.text), HasSubstr("the data path holds 3 attached TNIs at most"));
  EXPECT_TRUE(pings(a, "10.0.1.13"));
  carry_out({.operations = {model::Put{detached(b)}}});
  do {
    datapath_->heal(state_, clocks());
  } while (!datapath_->round_is_over());
  for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
  EXPECT_TRUE(pings(a, "10.0.1.12"));
}

// Then nothing of the TNI itself has changed.
TEST_F(PlacesTest, WhoseWorkloadGoesElsewhereLeavesNoAddressBehind) {
  const auto a = workload("a", "10.0.1.10", default_group_), b = workload("b", "10.0.1.11", default_group_);
  ASSERT_TRUE(pings(a, "10.0.1.11"));
  model::Workload elsewhere = state_.get(home_of(b));
  elsewhere.machine = id<model::MachineId>();
  apply({model::Machine{.id = elsewhere.machine, .name = "other"}, elsewhere});
  EXPECT_FALSE(has_endpoint(b));
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  elsewhere.machine = machine_;
  apply({elsewhere});
  EXPECT_TRUE(has_endpoint(b));
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  expect_whole();
}

// Of one command that moves an address and a slot from one to another.
TEST_F(PlacesTest, WhatOneGivesUpAnotherHasAtOnce) {
  make_narrow();
  const auto a = workload("a", "10.0.1.10", default_group_), b = workload("b", "10.0.1.11", default_group_);
  workload("c", "10.0.1.12", default_group_);
  const model::Tni before = state_.get(b);
  model::Tni fresh = before;
  fresh.id = id<model::TniId>();
  fresh.name = "fresh";
  run({.operations = {model::Put{detached(b)}, model::Remove{b}, model::Put{fresh}}});
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  EXPECT_TRUE(pings(fresh.id, "10.0.1.10"));
  EXPECT_FALSE(datapath_->slot_of(b));
  expect_whole();
}

}  // namespace
}  // namespace weft::datapath
