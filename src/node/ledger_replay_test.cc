#include <gtest/gtest.h>

#include <filesystem>

#include "model/testing.h"
#include "node/ledger.h"
#include "schema/command.h"

namespace weft::node {
namespace {

using model::Put;
using model::Remove;

class LedgerReplay : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weft-ledger-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<store::Store>> create_store() const {
    return store::create_sqlite({.path = directory_ + "/state.db", .cluster = "c-1"});
  }
  Result<std::unique_ptr<Ledger>> open() const {
    return Ledger::open({.directory = directory_}, [](std::function<void()>) {}, {});
  }
  static model::Command a_vpc() {
    model::Command command{
        .operations = {
            Put{model::Group{.id = kGroup, .name = "g", .vpc = kVpc}},
            Put{model::Group{.id = kOther, .name = "o", .vpc = kVpc}},
            Put{model::Subnet{.id = kSubnet, .name = "s", .vpc = kVpc, .cidr = *net::Prefix::parse("10.0.0.0/24")}}}};
    for (model::Object& object : model::with_border(
             {.id = kVpc, .name = "v", .cidrs = {*net::Prefix::parse("10.0.0.0/16")}, .default_group = kGroup})) {
      command.operations.emplace_back(Put{std::move(object)});
    }
    return command;
  }
  static model::Tni tni(uint8_t number, std::vector<model::GroupId> groups) {
    return {.id = {"tni-000000000000000" + std::to_string(number)},
            .name = "t" + std::to_string(number),
            .vpc = kVpc,
            .subnet = kSubnet,
            .mac = {{2, 0, 0, 0, 0, number}},
            .ip = net::Address::v4((10u << 24) + 10u + number),
            .groups = std::move(groups)};
  }

  static inline const model::VpcId kVpc{"vpc-0000000000000001"};
  static inline const model::GroupId kGroup{"sg-0000000000000001"}, kOther{"sg-0000000000000002"};
  static inline const model::SubnetId kSubnet{"subnet-0000000000000001"};
  std::string directory_;
};

TEST_F(LedgerReplay, ALogThatWasAcceptedUnderLargerLimitsIsReplayed) {
  model::PrefixList list{.id = {"pl-0000000000000001"}, .name = "l"};
  for (uint32_t i = 0; i < model::kMostPrefixes; ++i) {
    list.prefixes.push_back(net::Prefix::host(net::Address::v4((192u << 24) + i)));
  }
  model::Command too_much{.operations = {Put{list}}};
  for (uint64_t i = 1; i <= model::kMostRules + 1; ++i) {
    too_much.operations.emplace_back(
        Put{model::Rule{.id = model::RuleId::of(i), .group = kGroup, .traffic = {}, .peer = list.id}});
  }
  too_much.operations.emplace_back(Put{tni(1, {kGroup})});
  {
    const auto store = create_store();
    ASSERT_TRUE(store.ok());
    const std::vector<store::Entry> entries = {{1, schema::encode(a_vpc())}, {2, schema::encode(too_much)}};
    ASSERT_TRUE((*store)->append(entries).ok());
  }
  const auto ledger = open();
  ASSERT_TRUE(ledger.ok()) << ledger.error().what;
  EXPECT_EQ((*ledger)->revision(), 2u);
  EXPECT_GT((*ledger)->state().policy_size().entries, model::kLargestPolicy.entries);
  const auto more = (*ledger)->rehearse({.operations = {Put{tni(2, {kGroup, kOther})}}});
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, base::Code::Limit);
  EXPECT_TRUE((*ledger)->rehearse({.operations = {Remove{model::RuleId::of(1)}}}).ok());
}

TEST_F(LedgerReplay, ADDR_12_AFreedAddressRestsAfterASnapshotToo) {
  const base::WallTime freed{1'000'000'000'000};
  {
    model::State state;
    ASSERT_TRUE(state.apply(a_vpc()).ok());
    ASSERT_TRUE(state.apply({.operations = {Put{tni(1, {kGroup})}}}).ok());
    ASSERT_TRUE(state.apply({.at = freed, .operations = {Remove{tni(1, {}).id}}}).ok());
    const auto store = create_store();
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE((*store)->append(std::vector<store::Entry>{{1, schema::encode(a_vpc())}}).ok());
    ASSERT_TRUE((*store)->snapshot({.revision = 1, .bytes = schema::encode(state.snapshot())}).ok());
  }
  const auto ledger = open();
  ASSERT_TRUE(ledger.ok()) << ledger.error().what;
  EXPECT_TRUE((*ledger)->state().rests(kVpc, tni(1, {}).ip, freed));
  EXPECT_FALSE((*ledger)->state().rests(kVpc, tni(1, {}).ip, freed + model::kAddressRest));
}

}  // namespace
}  // namespace weft::node
