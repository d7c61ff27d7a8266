#include "shim/line_splitter.h"

#include <gtest/gtest.h>

namespace weft::shim {
namespace {

using workload::kMostLineBytes;
using workload::LineEnd;
using workload::LogRecord;
using workload::Stream;

LogRecord record(std::string text, LineEnd end = LineEnd::Here) {
  return {.time = {7}, .stream = Stream::Stderr, .text = std::move(text), .end = end};
}

TEST(LineSplitter, LinesComeWholeHoweverTheyAreCut) {
  LineSplitter splitter(Stream::Stderr);
  EXPECT_TRUE(splitter.feed({1}, "on").empty());
  EXPECT_EQ(splitter.feed({7}, "e\n\ntwo\r\nthr"), (std::vector{record("one"), record(""), record("two")}));
  EXPECT_EQ(splitter.finish({7}), std::vector{record("thr")});
  EXPECT_TRUE(splitter.finish({7}).empty());
}

TEST(LineSplitter, ALongLineIsSeveralRecords) {
  LineSplitter splitter(Stream::Stderr);
  const std::string piece(kMostLineBytes, 'x');
  EXPECT_EQ(splitter.feed({7}, piece + piece + "y\n"),
            (std::vector{record(piece, LineEnd::Later), record(piece, LineEnd::Later), record("y")}));
}

TEST(LineSplitter, ALineOfExactlyTheLongestIsOne) {
  LineSplitter splitter(Stream::Stderr);
  const std::string piece(kMostLineBytes, 'x');
  EXPECT_EQ(splitter.feed({7}, piece + "\n"), std::vector{record(piece)});
}

}  // namespace
}  // namespace weft::shim
