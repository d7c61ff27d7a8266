#include "runtime/compile_spec.h"

#include <gtest/gtest.h>

namespace weft::runtime {
namespace {

const Surroundings kAround = {.netns = "/run/netns/weft-w-0000000000000001",
                              .resolv_conf = "nameserver 10.0.0.2\n",
                              .cgroup_root = "/sys/fs/cgroup",
                              .cgroup = "/weft"};

TEST(CompileSpec, ADatabaseWithLimits) {
  const model::Workload database{.id = {"w-0000000000000001"},
                                 .name = "db",
                                 .command = {"postgres", "-D", "/srv/db one"},
                                 .env = {"LANG=C", "TEXT=two\nlines"},
                                 .user = "postgres",
                                 .workdir = "/srv",
                                 .limits = {.memory = 64 << 20, .milli_cpus = 500, .pids = 40},
                                 .restart = model::Restart::Always};
  EXPECT_EQ(encode(compile_spec(database, kAround)),
            "id w-0000000000000001\n"
            "name db\n"
            "arg postgres\n"
            "arg -D\n"
            "arg /srv/db one\n"
            "env LANG=C\n"
            "env TEXT=two\\nlines\n"
            "user postgres\n"
            "workdir /srv\n"
            "netns /run/netns/weft-w-0000000000000001\n"
            "resolv_conf nameserver 10.0.0.2\\n\n"
            "cgroup_root /sys/fs/cgroup\n"
            "cgroup /weft\n"
            "memory_bytes 67108864\n"
            "cpu_millis 500\n"
            "pids 40\n"
            "restart always\n"
            "restart_first_ms 100\n"
            "restart_longest_ms 30000\n"
            "restart_steady_ms 10000\n"
            "stop_signal 15\n"
            "stop_grace_ms 10000\n"
            "log_file_bytes 10000000\n"
            "log_files 3\n");
}

TEST(CompileSpec, WhatIsNotWantedIsNotSaid) {
  const model::Workload shell{.id = {"w-0000000000000002"}, .name = "sh", .command = {"sh"}};
  const workload::Spec spec = compile_spec(shell, {.netns = "/run/netns/x", .cgroup_root = "/c", .cgroup = "/p"});
  EXPECT_EQ(spec.limits, workload::Limits{});
  EXPECT_EQ(spec.resolv_conf, std::nullopt);
  EXPECT_EQ(spec.command.terminal, std::nullopt);
  EXPECT_EQ(spec.restart.policy, workload::RestartPolicy::No);
  EXPECT_TRUE(validate(spec).ok());
}

TEST(CompileSpec, ATerminalHasTheUsualSizeUntilItsOwnerSaysOtherwise) {
  const model::Workload shell{
      .id = {"w-0000000000000003"}, .name = "sh", .command = {"sh"}, .terminal = model::Terminal::Given};
  EXPECT_EQ(compile_spec(shell, kAround).command.terminal, (workload::WindowSize{.rows = 24, .columns = 80}));
}

TEST(CompileSpec, EachPolicyKeepsItsMeaning) {
  model::Workload workload{.id = {"w-0000000000000004"}, .name = "w", .command = {"true"}};
  workload.restart = model::Restart::OnFailure;
  EXPECT_EQ(compile_spec(workload, kAround).restart.policy, workload::RestartPolicy::OnFailure);
}

}  // namespace
}  // namespace weft::runtime
