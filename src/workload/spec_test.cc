#include "workload/spec.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace weft::workload {
namespace {

using namespace std::chrono_literals;

Spec full() {
  return {.id = "w-0123456789abcdef",
          .name = "web 1",
          .command = {.argv = {"/bin/sh", "-c", "echo \"a\nb\" \\n\t\x1b"},
                      .env = {"PATH=/bin", "EMPTY=", "LINES=a\nb"},
                      .user = "1000:1000",
                      .workdir = "/srv/my files",
                      .terminal = WindowSize{.rows = 40, .columns = 120},
                      .input = Stdin::Pipe},
          .netns = "/run/netns/weft-w-1",
          .resolv_conf = "nameserver 10.0.0.2\noptions ndots:0\n",
          .hosts = "127.0.0.1 localhost\n",
          .cgroup_root = "/sys/fs/cgroup/unified",
          .cgroup = "/system.slice/weftd.service",
          .limits = {.memory_bytes = 64 << 20, .cpu_millis = 1500, .pids = 100},
          .restart = {.policy = RestartPolicy::OnFailure, .first = 10ms, .longest = 1s, .steady = 2s},
          .stop = {.signal = 3, .grace = 500ms},
          .log = {.file_bytes = 65536, .files = 5}};
}

TEST(Spec, WhatIsEncodedParsesBack) {
  EXPECT_EQ(*parse_spec(encode(full())), full());
  const Spec small = {.id = "w-1", .name = "", .command = {.argv = {"true"}}};
  EXPECT_EQ(*parse_spec(encode(small)), small);
}

TEST(Spec, TextsThatHoldLineEndsStayOneLine) {
  const std::string text = encode(full());
  EXPECT_NE(text.find("resolv_conf nameserver 10.0.0.2\\noptions ndots:0\\n\n"), std::string::npos) << text;
}

TEST(Spec, WhatIsWrongIsNamed) {
  struct Case {
    const char* text;
    const char* field;
  };
  const std::string good = "id w-1\narg true\n";
  for (const auto& [text, field] :
       {Case{"id w-1\n", "command"}, Case{"arg true\n", "id"}, Case{"id ../x\narg true\n", "id"},
        Case{"id w-1\narg true\nmemory_bytes 0\n", "memory_bytes"},
        Case{"id w-1\narg true\ncpu_millis 1.5\n", "cpu_millis"}, Case{"id w-1\narg true\npids -1\n", "pids"},
        Case{"id w-1\narg true\nrestart maybe\n", "restart"}, Case{"id w-1\narg true\nstop_signal 65\n", "stop_signal"},
        Case{"id w-1\narg true\nenv =x\n", "env"}, Case{"id w-1\narg true\nenv x\n", "env"},
        Case{"id w-1\narg true\nworkdir tmp\n", "workdir"}, Case{"id w-1\narg true\ncgroup /a/../../b\n", "cgroup"},
        Case{"id w-1\narg true\nnetns relative\n", "netns"}, Case{"id w-1\narg true\nterminal 80\n", "terminal"},
        Case{"id w-1\narg true\nstdin maybe\n", "stdin"}, Case{"id w-1\narg true\nio_limit 5\n", "io_limit"},
        Case{"id w-1\narg a\\x\n", "arg"}}) {
    const auto spec = parse_spec(text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_EQ(spec.error().field, field) << spec.error().what;
  }
  EXPECT_TRUE(parse_spec(good).ok());
  EXPECT_FALSE(parse_spec("id w-1\narg true").ok());
  EXPECT_FALSE(parse_spec(std::string("id w-1\narg a\0b\n", 15)).ok());
}

TEST(Spec, IsBounded) {
  std::string many = "id w-1\n";
  for (size_t i = 0; i < kMostLines; ++i) many += "arg x\n";
  EXPECT_EQ(parse_spec(many).error().code, base::Code::Limit);
  EXPECT_EQ(parse_spec("id w-1\narg " + std::string(kMostTextBytes, 'x') + "\n").error().code, base::Code::Limit);
}

TEST(Spec, AnyTextIsTakenOrRefused) {
  base::Rng rng(7);
  const std::string valid = encode(full());
  for (int round = 0; round < 20'000; ++round) {
    std::string text = valid;
    for (uint64_t n = rng.below(6); n > 0; --n) text[rng.below(text.size())] = static_cast<char>(rng.next());
    const auto spec = parse_spec(text);
    if (!spec.ok()) continue;
    EXPECT_EQ(*parse_spec(encode(*spec)), *spec);
  }
}

}  // namespace
}  // namespace weft::workload
