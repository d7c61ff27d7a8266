#include "workload/shim_protocol.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace weft::workload {
namespace {

using namespace std::chrono_literals;

TEST(ShimProtocol, FramesComeOutAsTheyWentInHoweverTheyAreCut) {
  std::string wire;
  const std::vector<Frame> sent = {{FrameType::Subscribe, ""},
                                   {FrameType::Stdin, std::string("a\0b\n", 4)},
                                   {FrameType::Stdout, std::string(70'000, 'x')}};
  for (const Frame& frame : sent) append_frame(wire, frame.type, frame.payload);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{4096}, wire.size()}) {
    FrameReader reader;
    std::vector<Frame> got;
    for (size_t at = 0; at < wire.size(); at += step) {
      reader.feed(std::string_view(wire).substr(at, step));
      while (auto frame = *reader.next()) got.push_back(*frame);
    }
    EXPECT_EQ(got, sent) << step;
  }
}

TEST(ShimProtocol, AFrameThatIsTooLongIsRefusedBeforeItIsRead) {
  std::string wire;
  append_frame(wire, FrameType::Stdin, "");
  wire[2] = 0x11;  // 0x110000 bytes
  FrameReader reader;
  reader.feed(wire);
  const auto frame = reader.next();
  ASSERT_FALSE(frame.ok());
  EXPECT_EQ(frame.error().code, base::Code::Limit);
}

TEST(ShimProtocol, TheLongestFrameIsTaken) {
  std::string wire;
  append_frame(wire, FrameType::Stdin, std::string(kMostFrameBytes, 'x'));
  FrameReader reader;
  reader.feed(wire);
  const auto frame = reader.next();
  ASSERT_TRUE(frame.ok() && frame->has_value());
  EXPECT_EQ((*frame)->payload.size(), kMostFrameBytes);
}

TEST(ShimProtocol, AnUnknownTypeIsRefused) {
  FrameReader reader;
  reader.feed(std::string("\0\0\0\0\x20", 5));
  EXPECT_FALSE(reader.next().ok());
}

TEST(ShimProtocol, PayloadsParseBack) {
  for (const Attach& attach : {Attach{.as = AttachAs::Owner}, Attach{.as = AttachAs::Viewer}, Attach{.had = Progress{}},
                               Attach{.had = Progress{1, UINT64_MAX, 2, 3}}}) {
    EXPECT_EQ(*parse_attach(encode_attach(attach)), attach);
  }
  EXPECT_EQ(*parse_progress(encode_progress({.life = 3, .output = 7, .input = UINT64_MAX, .signals = 1})),
            (Progress{3, 7, UINT64_MAX, 1}));
  EXPECT_EQ(*parse_progress(""), std::nullopt);
  EXPECT_EQ(*parse_up_to(encode_up_to(UINT64_MAX)), UINT64_MAX);
  EXPECT_EQ(*parse_grace(encode_grace(1500ms)), 1500ms);
  EXPECT_EQ(*parse_grace(encode_grace({})), std::nullopt);
  EXPECT_EQ(*parse_signal(encode_signal(9)), 9);
  EXPECT_EQ(*parse_resize(encode_resize({.rows = 50, .columns = 132})), (WindowSize{50, 132}));
  EXPECT_EQ(*parse_exit(encode_exit({.code = 137, .signal = 9})), (Exit{137, 9}));
  const Command command = {.argv = {"sh", "-c", "echo 'a\nb\\n'"},
                           .env = {"A=b=c", "B="},
                           .user = "nobody",
                           .workdir = "/tmp",
                           .terminal = WindowSize{1, 2}};
  EXPECT_EQ(*parse_command(encode_command(command)), command);
  const Error refusal = {.code = base::Code::Conflict, .what = "held", .field = "as", .holder = "another"};
  EXPECT_EQ(parse_refusal(encode_refusal(refusal)), refusal);
}

TEST(ShimProtocol, WrongPayloadsAreRefused) {
  EXPECT_FALSE(parse_signal("signal 0\n").ok());
  EXPECT_FALSE(parse_signal("signal 65\n").ok());
  EXPECT_FALSE(parse_signal("signal 9").ok());
  EXPECT_FALSE(parse_signal("signal 9\nsignal 9\n").ok());
  EXPECT_FALSE(parse_attach("as root\n").ok());
  EXPECT_FALSE(parse_attach("").ok());
  EXPECT_FALSE(parse_attach("as owner\nlife 1\noutput -1\ninput 0\nsignals 0\n").ok());
  EXPECT_FALSE(parse_progress("life 1\noutput 1\ninput 1\n").ok());
  EXPECT_FALSE(parse_up_to("").ok());
  EXPECT_FALSE(parse_grace("grace_ms -1\n").ok());
  EXPECT_FALSE(parse_resize("terminal 1\n").ok());
  EXPECT_FALSE(parse_resize("terminal 1 65536\n").ok());
  EXPECT_FALSE(parse_command("").ok());
  EXPECT_FALSE(parse_command("arg sh\nuid 0\n").ok());
  EXPECT_EQ(parse_refusal("code 4\nwhat x\n").code, base::Code::Usage);
  EXPECT_FALSE(parse_exit("code 256\nsignal 0\n").ok());
}

TEST(ShimProtocol, AnyBytesAreTakenOrRefused) {
  base::Rng rng(1);
  std::string valid;
  append_frame(valid, FrameType::Exec, encode_command({.argv = {"true"}, .env = {"A=b"}}));
  append_frame(valid, FrameType::Signal, encode_signal(15));
  for (int round = 0; round < 20'000; ++round) {
    std::string wire = valid;
    for (uint64_t n = rng.below(4); n > 0; --n) wire[rng.below(wire.size())] = static_cast<char>(rng.next());
    wire.resize(rng.below(wire.size() + 1));
    FrameReader reader;
    reader.feed(wire);
    while (true) {
      const auto frame = reader.next();
      if (!frame.ok() || !frame->has_value()) break;
      (void)parse_command((*frame)->payload);
      (void)parse_signal((*frame)->payload);
    }
  }
}

}  // namespace
}  // namespace weft::workload
