#include "diagnosis/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/testing.h"

namespace weft::diagnosis {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

api::Event ended(const std::string& what) {
  return {.time = *base::parse_time("2026-11-20T09:30:00.25Z"),
          .kind = "workload.exited",
          .id = "w-0000000000000001",
          .name = "web",
          .what = what};
}

TEST(EventLog, ALineReadsBackAsTheEvent) {
  const std::string line = json_line(ended("status 1, \"quoted\"\n"));
  EXPECT_EQ(line, R"({"time":"2026-11-20T09:30:00.250000000Z","kind":"workload.exited","id":"w-0000000000000001",)"
                  R"("name":"web","what":"status 1, \"quoted\"\n"})"
                  "\n");
  const auto back = parse_event(line);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->what, "status 1, \"quoted\"\n");
  EXPECT_EQ(back->time, ended("").time);
  EXPECT_EQ(json_line(*back), line);
}

TEST(EventLog, WhatIsNoEventIsRefused) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"time":5})", R"({"time":"yesterday","kind":"","id":"","name":"","what":""})"}) {
    EXPECT_FALSE(parse_event(text).ok()) << text;
  }
  EXPECT_FALSE(parse_event(std::string(1 << 20, '[')).ok());
}

TEST(EventLog, GoesOnFromWhatAnEarlierDaemonWrote) {
  EventLog log(3);
  std::string lines = "not an event\n";
  for (int i = 1; i <= 4; ++i) lines += json_line(ended("old " + std::to_string(i)));
  log.restore(lines + R"({"time":"2026-11-20T09)");
  log.add(ended("new"));
  const auto events = *log.read({})->take(100);
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].what, "old 3");
  EXPECT_EQ(events[2].what, "new");
}

TEST(EventLog, CutsATextThatIsTooLongBetweenCharacters) {
  EventLog log;
  std::string text = "x";
  while (text.size() < 2 * kMostEventTextBytes) text += "\xc3\xa9";
  log.add(ended(text));
  const auto events = *log.read({})->take(1);
  EXPECT_EQ(events[0].what.size(), kMostEventTextBytes - 1);
  EXPECT_EQ(events[0].what.back(), '\xa9');
}

TEST(EventLog, BytesThatAreNoTextDoNotStopIt) {
  Disk disk;
  EventLog log(4, std::make_unique<FakeLines>(disk));
  log.add(ended("\xff\xfe"));
  EXPECT_THAT(disk.text, HasSubstr("\xef\xbf\xbd"));
}

TEST(EventLog, FollowersHearAtOnce) {
  EventLog log;
  const auto stream = log.read({.follow = true});
  int calls = 0;
  stream->when_ready([&] { ++calls; });
  log.add(ended("now"));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(stream->take(9)->front().what, "now");
}

TEST(EventLog, ASlowFollowerIsTold) {
  EventLog log(2);
  const auto stream = log.read({.follow = true});
  for (int i = 0; i < 5; ++i) log.add(ended("event"));
  const auto events = *stream->take(9);
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].kind, "events.lost");
  EXPECT_THAT(events[0].what, HasSubstr("3 events"));
}

}  // namespace
}  // namespace weft::diagnosis
