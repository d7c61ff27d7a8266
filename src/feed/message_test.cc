#include "feed/message.h"

#include <gtest/gtest.h>

#include "weft/v1/feed.pb.h"

namespace weft::feed {
namespace {

using base::Code;

base::Rng rng(1);

TEST(FeedMessage, EachComesBackAsItWent) {
  const auto workload = model::WorkloadId::make(rng);
  const std::vector<ToData> to_data = {
      Welcome{.cluster = "c-1", .machine = model::MachineId::make(rng), .revision = 7, .parts = 2},
      Part{.objects = std::string("\0\1", 2)}, Entry{.revision = 8, .command = "bytes", .attached = {workload}},
      Pulse{.read_only = "the disk is full"}};
  for (const ToData& message : to_data) {
    const auto back = parse_to_data(encode(message));
    ASSERT_TRUE(back.ok()) << back.error().what;
    EXPECT_TRUE(*back == message);
  }
  const std::vector<ToControl> to_control = {
      Hello{.cluster = "c-1", .revision = 7},
      Enforced{.revision = 8, .problems = {{.id = "tni-0000000000000001", .what = "no \xff", .since = {7}}}},
      feed::Run{.workload = workload, .state = {}}, feed::Run{.workload = workload, .state = api::RunState::Created},
      Ended{.workload = workload}};
  for (const ToControl& message : to_control) {
    const auto back = parse_to_control(encode(message));
    ASSERT_TRUE(back.ok()) << back.error().what;
    EXPECT_TRUE(*back == message);
  }
}

TEST(FeedMessage, AnotherVersionIsToldApart) {
  v1::ToControl hello;
  hello.mutable_hello()->set_version(kVersion + 1);
  EXPECT_EQ(parse_to_control(hello.SerializeAsString()).error().code, Code::Unavailable);
  v1::ToData welcome;
  welcome.mutable_welcome()->set_version(kVersion + 1);
  EXPECT_EQ(parse_to_data(welcome.SerializeAsString()).error().code, Code::Unavailable);
}

TEST(FeedMessage, WhatNobodySendsIsRefused) {
  v1::ToData many;
  many.mutable_welcome()->set_version(kVersion);
  many.mutable_welcome()->set_cluster("c-1");
  many.mutable_welcome()->set_machine(model::MachineId::make(rng).text);
  many.mutable_welcome()->set_parts(kMostParts + 1);
  EXPECT_EQ(parse_to_data(many.SerializeAsString()).error().code, Code::Limit);
  v1::ToControl complaints;
  for (size_t i = 0; i <= kMostProblems; ++i) complaints.mutable_enforced()->add_problems();
  EXPECT_EQ(parse_to_control(complaints.SerializeAsString()).error().code, Code::Limit);
  EXPECT_FALSE(parse_to_data("").ok());
  EXPECT_FALSE(parse_to_data("not a message").ok());
  EXPECT_FALSE(parse_to_control(std::string(kLargestToControl + 1, 'x')).ok());
  v1::ToControl run;
  run.mutable_run()->set_workload("no id");
  EXPECT_FALSE(parse_to_control(run.SerializeAsString()).ok());
}

TEST(FeedFrames, ComeInAnyPieces) {
  const std::string bytes = frame("one") + frame("") + frame(std::string(100, 'x'));
  FrameReader reader(100);
  std::vector<std::string> messages;
  for (const char byte : bytes) {
    reader.feed({&byte, 1});
    while (true) {
      const auto message = reader.next();
      ASSERT_TRUE(message.ok());
      if (!*message) break;
      messages.push_back(**message);
    }
  }
  EXPECT_EQ(messages, (std::vector<std::string>{"one", "", std::string(100, 'x')}));
}

TEST(FeedFrames, OneThatIsTooLongIsRefusedByItsHead) {
  FrameReader reader(100);
  reader.feed(frame(std::string(101, 'x')).substr(0, 4));
  EXPECT_EQ(reader.next().error().code, Code::Limit);
}

}  // namespace
}  // namespace weft::feed
