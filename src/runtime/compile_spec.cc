#include "runtime/compile_spec.h"

#include "base/check.h"

namespace weft::runtime {

namespace {

template <class Number>
std::optional<uint64_t> limit_of(Number number) {
  return number == 0 ? std::nullopt : std::optional<uint64_t>(number);
}

workload::RestartPolicy policy_of(model::Restart restart) {
  switch (restart) {
    case model::Restart::No: return workload::RestartPolicy::No;
    case model::Restart::OnFailure: return workload::RestartPolicy::OnFailure;
    case model::Restart::Always: return workload::RestartPolicy::Always;
  }
  CHECK(false);
}

workload::Command command_of(const model::Workload& workload) {
  workload::Command command{
      .argv = workload.command, .env = workload.env, .user = workload.user, .workdir = workload.workdir};
  if (workload.terminal == model::Terminal::Given) command.terminal = workload::WindowSize{};
  return command;
}

}  // namespace

workload::Spec compile_spec(const model::Workload& workload, const Surroundings& around) {
  return {.id = workload.id.text,
          .name = workload.name,
          .command = command_of(workload),
          .netns = around.netns,
          .resolv_conf = around.resolv_conf,
          .cgroup_root = around.cgroup_root,
          .cgroup = around.cgroup,
          .limits = {.memory_bytes = limit_of(workload.limits.memory),
                     .cpu_millis = limit_of(workload.limits.milli_cpus),
                     .pids = limit_of(workload.limits.pids)},
          .restart = {.policy = policy_of(workload.restart)}};
}

}  // namespace weft::runtime
