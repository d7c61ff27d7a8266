#include "feed/follower.h"

#include "feed/testing.h"

namespace weft::feed {
namespace {

// A control plane and a data plane with nothing but the messages between them.
class FeedTest : public testing::Test {
 protected:
  // A new connection, up to the state that is agreed.
  size_t connect() {
    source_.emplace(log_);
    const auto answers = source_->take(follower_.hello());
    EXPECT_TRUE(answers.ok());
    for (const ToData& answer : *answers) {
      const auto news = follower_.take(answer);
      EXPECT_TRUE(news.ok()) << news.error().what;
      if (news.ok() && *news) last_ = **news;
    }
    EXPECT_TRUE(follower_.follows());
    return answers->size();
  }
  void expect_in_step() {
    EXPECT_EQ(follower_.revision(), log_.revision());
    EXPECT_EQ(follower_.state().objects(), log_.state.objects());
  }

  FakeLog log_;
  std::optional<Source> source_;
  Follower follower_;
  Follower::News last_;
};

TEST_F(FeedTest, WhoHasNothingGetsAllAndThenWhatComes) {
  log_.put_list("a");
  EXPECT_EQ(connect(), 2u);
  expect_in_step();
  EXPECT_EQ(last_.changes.size(), 1u);
  const auto workload = model::WorkloadId::make(log_.rng);
  Entry entry = log_.put_list("b");
  entry.attached = {workload};
  const auto news = follower_.take(*source_->next(entry));
  ASSERT_TRUE(news.ok() && *news);
  EXPECT_EQ((*news)->changes.size(), 1u);
  EXPECT_EQ((*news)->attached, std::vector{workload});
  expect_in_step();
}

// The limits are judged by who accepts a command.
TEST_F(FeedTest, WhatIsAgreedIsCarriedOutThoughItIsMoreThanWouldBeAccepted) {
  connect();
  model::PrefixList list{.id = model::PrefixListId::make(log_.rng), .name = "long", .prefixes = {}};
  list.prefixes.resize(model::kMostPrefixes + 1, *net::Prefix::parse("192.0.2.0/24"));
  const model::Command command{.at = {1}, .actor = "test", .operations = {model::Put{list}}};
  EXPECT_FALSE(model::State().apply(command).ok());
  const auto news = follower_.take(Entry{.revision = 1, .command = schema::encode(command), .attached = {}});
  ASSERT_TRUE(news.ok()) << news.error().what;
  EXPECT_NE(follower_.state().find(list.id), nullptr);
}

TEST_F(FeedTest, AnEmptyStateIsOneToo) {
  EXPECT_EQ(connect(), 2u);
  expect_in_step();
  log_.put_list("a");
}

TEST_F(FeedTest, WhoWasAwayGetsTheEntriesThatItMissed) {
  log_.put_list("a");
  connect();
  for (const char* name : {"b", "c"}) {
    EXPECT_EQ(source_->next(log_.put_list(name))->index(), 2u);  // an entry, which never arrives
  }
  EXPECT_EQ(connect(), 3u);
  expect_in_step();
  EXPECT_EQ(connect(), 1u);  // a welcome
  expect_in_step();
}

TEST_F(FeedTest, WhoWasAwayForTooLongGetsTheStateAndCarriesOutTheDifference) {
  log_.put_list("a");
  const Entry removed = log_.put_list("b");
  connect();
  const auto b = log_.state.find_name("pl", "", "b");
  ASSERT_TRUE(b);
  log_.commit({model::Remove{model::PrefixListId{*b}}});
  log_.put_list("c");
  log_.forget();
  connect();
  expect_in_step();
  ASSERT_EQ(last_.changes.size(), 2u);
  EXPECT_FALSE(last_.changes[0].after);  // what goes, first
  EXPECT_FALSE(last_.changes[1].before);
}

TEST_F(FeedTest, AnotherClusterOrAFutureRevisionBringsAllOfTheState) {
  log_.put_list("a");
  log_.put_list("b");
  connect();
  log_.cluster_name = "c-2";
  EXPECT_EQ(connect(), 2u);
  log_.log.pop_back();  // an older copy of the state came back
  EXPECT_EQ(connect(), 2u);
  EXPECT_EQ(follower_.revision(), 1u);
}

TEST_F(FeedTest, AGapARepetitionAndWhatComesTooEarlyAreRefused) {
  EXPECT_FALSE(follower_.take(Entry{.revision = 1, .command = {}, .attached = {}}).ok());
  EXPECT_FALSE(follower_.take(Part{}).ok());
  EXPECT_FALSE(follower_.take(Pulse{}).ok());
  log_.put_list("a");
  connect();
  const Entry second = log_.put_list("b");
  const Entry third = log_.put_list("c");
  EXPECT_FALSE(follower_.take(third).ok());
  EXPECT_TRUE(follower_.take(second).ok());
  EXPECT_FALSE(follower_.take(second).ok());
  EXPECT_TRUE(follower_.take(third).ok());
  EXPECT_FALSE(follower_.take(Welcome{.cluster = "c-1", .machine = log_.machine_id, .revision = 3, .parts = 0}).ok());
  expect_in_step();
}

TEST_F(FeedTest, WhatCannotBeAppliedBringsAllOfTheStateNextTime) {
  log_.put_list("a");
  connect();
  log_.put_list("b");
  const Entry broken{.revision = 2, .command = "no command", .attached = {}};
  EXPECT_FALSE(follower_.take(broken).ok());
  EXPECT_EQ(follower_.revision(), 1u);
  EXPECT_EQ(connect(), 2u);  // a welcome and a part, though the entry is there
  expect_in_step();
}

TEST_F(FeedTest, ASnapshotThatIsCutOffLeavesTheStateAsItWas) {
  log_.put_list("a");
  connect();
  (void)follower_.hello();
  ASSERT_TRUE(follower_.take(Welcome{.cluster = "c-2", .machine = log_.machine_id, .revision = 9, .parts = 2}).ok());
  ASSERT_TRUE(follower_.take(Part{}).ok());
  EXPECT_FALSE(follower_.follows());
  expect_in_step();
  connect();
  expect_in_step();
}

TEST_F(FeedTest, AStateOfManyPartsArrivesWhole) {
  std::vector<model::Operation> puts;
  for (int i = 0; i < 2000; ++i) {
    model::PrefixList list{
        .id = model::PrefixListId::make(log_.rng), .name = fmt::format("list-{}", i), .prefixes = {}};
    for (uint32_t host = 0; host < 100; ++host) {
      list.prefixes.push_back(net::Prefix::of(net::Address::v4(0x0a00'0000 + (host << 8)), 24));
    }
    puts.emplace_back(model::Put{std::move(list)});
  }
  log_.commit(std::move(puts));
  EXPECT_GT(connect(), 2u);
  expect_in_step();
}

TEST_F(FeedTest, TheSourceBelievesNoRevisionThatCannotBe) {
  log_.put_list("a");
  EXPECT_FALSE(Source(log_).take(Enforced{.revision = 0, .problems = {}}).ok());
  connect();
  EXPECT_FALSE(source_->take(Enforced{.revision = 2, .problems = {}}).ok());
  EXPECT_TRUE(source_->take(Enforced{.revision = 1, .problems = {}}).ok());
  EXPECT_FALSE(source_->take(Enforced{.revision = 0, .problems = {}}).ok());
  EXPECT_FALSE(source_->take(Hello{}).ok());
  EXPECT_EQ(source_->enforced(), 1u);
  EXPECT_FALSE(Source(log_).next(log_.put_list("b")));
}

}  // namespace
}  // namespace weft::feed
