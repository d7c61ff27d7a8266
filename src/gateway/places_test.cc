#include "gateway/places.h"

#include <gmock/gmock.h>

namespace weft::gateway {
namespace {

using model::VpcId;

VpcId vpc(int number) { return {fmt::format("vpc-{:016x}", number)}; }

TEST(Places, TheFirstHasPlentyAndManyFindSome) {
  std::map<VpcId, Need> wanted;
  for (int i = 0; i < 18; ++i) wanted[vpc(i)] = Need::Internet;
  const Places places = allot({}, wanted, {}, {});
  EXPECT_EQ(places.gateways.at(vpc(0)).ports->text(), "61056-62079");
  EXPECT_EQ(places.gateways.at(vpc(1)).ports->size(), 512u);
  EXPECT_EQ(places.gateways.at(vpc(17)).ports->size(), 64u);
  PortSet all;
  for (const auto& [id, place] : places.gateways) {
    EXPECT_FALSE(all.overlaps(*place.ports)) << id.text;
    all.add(*place.ports);
  }
}

TEST(Places, WhoHasAPlaceKeepsIt) {
  const Places first = allot({}, {{vpc(5), Need::Internet}, {vpc(6), Need::Resolver}}, {}, {});
  const Places second =
      allot(first, {{vpc(1), Need::Internet}, {vpc(5), Need::Internet}, {vpc(6), Need::Resolver}}, {}, {});
  EXPECT_EQ(second.gateways.at(vpc(5)), first.gateways.at(vpc(5)));
  EXPECT_EQ(second.gateways.at(vpc(6)), first.gateways.at(vpc(6)));
  EXPECT_EQ(second.gateways.at(vpc(1)).slot, 3u);
  EXPECT_EQ(allot(second, {}, {}, {}).gateways.size(), 0u);
}

TEST(Places, OneThatOnlyAsksTheResolverGrowsWhenItNeedsMore) {
  const Places small = allot({}, {{vpc(1), Need::Resolver}}, {}, {});
  EXPECT_EQ(small.gateways.at(vpc(1)).ports->size(), 64u);
  const Places grown = allot(small, {{vpc(1), Need::Internet}}, {}, {});
  EXPECT_EQ(grown.gateways.at(vpc(1)).ports->size(), 1024u);
  EXPECT_EQ(grown.gateways.at(vpc(1)).slot, small.gateways.at(vpc(1)).slot);
}

TEST(Places, WhatOthersReservedIsTheirs) {
  const MachineFacts facts{.reserved = {{61000, 64000}}, .addresses = {*net::Address::parse("169.254.64.1")}};
  const Places places = allot({}, {{vpc(1), Need::Internet}}, facts, {});
  EXPECT_GT(places.gateways.at(vpc(1)).ports->first, 64000);
  EXPECT_EQ(places.block, 1u);
}

TEST(Places, NoneLeft) {
  const MachineFacts facts{.reserved = {{60000, 65535}}};
  EXPECT_FALSE(allot({}, {{vpc(1), Need::Internet}}, facts, {}).gateways.at(vpc(1)).ports.has_value());
  std::map<VpcId, Need> wanted;
  for (int i = 0; i < 1001; ++i) wanted[vpc(i)] = Need::Resolver;
  EXPECT_EQ(allot({}, wanted, {}, {}).gateways.size(), size_t{Inside::kMostSlots});
}

TEST(Places, TheSeventeenthInstanceHasNone) {
  MachineFacts facts;
  for (uint32_t block = 0; block < Inside::kBlocks; ++block) {
    EXPECT_EQ(allot({}, {{vpc(1), Need::Internet}}, facts, {}).block, block);
    facts.addresses.push_back(Inside{block}.machine(net::Family::V4));
  }
  EXPECT_EQ(allot({}, {{vpc(1), Need::Internet}}, facts, {}), Places());
}

TEST(Places, InsideAddresses) {
  EXPECT_EQ(Inside{0}.machine(net::Family::V4).text(), "169.254.64.1");
  EXPECT_EQ(Inside{15}.range(net::Family::V4).text(), "169.254.124.0/22");
  EXPECT_TRUE(Inside{15}.range(net::Family::V4).contains(Inside{15}.gateway(net::Family::V4, Inside::kMostSlots)));
  EXPECT_EQ(Inside{1}.gateway(net::Family::V6, 2).text(), "fd77:6566:7467:1::a");
}

}  // namespace
}  // namespace weft::gateway
