#include "schema/command.h"

#include <gtest/gtest.h>

#include "schema/testing.h"

namespace weft::schema {
namespace {

TEST(Command, ReadsBackAsWritten) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    base::Rng rng(seed);
    model::Command command{.at = {static_cast<int64_t>(rng.next() >> 2)}, .actor = "uid:0", .operations = {}};
    const uint64_t count = rng.below(6);
    for (uint64_t i = 0; i < count; ++i) {
      if (rng.one_in(3)) {
        command.operations.push_back(model::Remove{model::id_of(any_object(rng))});
      } else {
        command.operations.push_back(model::Put{any_object(rng)});
      }
    }
    const auto back = parse_command(encode(command));
    ASSERT_TRUE(back.ok()) << "seed " << seed << ": " << back.error().field << " " << back.error().what;
    EXPECT_EQ(back->at, command.at);
    EXPECT_EQ(back->actor, command.actor);
    ASSERT_EQ(back->operations.size(), command.operations.size());
    for (size_t i = 0; i < command.operations.size(); ++i) {
      const auto* put = std::get_if<model::Put>(&command.operations[i]);
      if (put != nullptr) {
        EXPECT_EQ(std::get<model::Put>(back->operations[i]).object, put->object) << "seed " << seed;
      } else {
        EXPECT_EQ(std::get<model::Remove>(back->operations[i]).id, std::get<model::Remove>(command.operations[i]).id);
      }
    }
  }
}

TEST(Command, SnapshotReadsBackAsWritten) {
  base::Rng rng(7);
  model::Snapshot snapshot;
  for (int i = 0; i < 500; ++i) snapshot.objects.push_back(any_object(rng));
  for (int i = 0; i < 50; ++i) {
    model::Rest& rest = snapshot.resting.emplace_back();
    fields(Randomizer(rng), rest);
  }
  const auto back = parse_snapshot(encode(snapshot));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->objects, snapshot.objects);
  EXPECT_EQ(back->resting, snapshot.resting);
}

TEST(Command, DamagedBytesAreAnErrorOrACommand) {
  base::Rng rng(11);
  const std::string good = encode(model::Command{
      .at = {1}, .actor = "root", .operations = {model::Put{any_object(rng)}, model::Put{any_object(rng)}}});
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    if (rng.one_in(4)) bytes.resize(rng.below(bytes.size()));
    const auto parsed = parse_command(bytes);
    EXPECT_TRUE(!parsed.ok() || parse_command(encode(*parsed)).ok());
  }
}

TEST(Command, RefusesAnObjectWithoutAnId) {
  model::Command command;
  command.operations.push_back(model::Put{model::Group{}});
  const auto parsed = parse_command(encode(command));
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().field, "operations[0].id");
}

TEST(Command, RefusesTooMuch) {
  const auto parsed = parse_command(std::string(kLargestCommand + 1, 'x'));
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, base::Code::Limit);
}

}  // namespace
}  // namespace weft::schema
