// Workloads and the interfaces that come with them.
#include <algorithm>

#include "api/allocate.h"
#include "api/change.h"
#include "api/resolve.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "base/text.h"
#include "workload/spec.h"

namespace weft::api {

using base::Code;
using base::printable;

namespace {

Error refusal(Code code, std::string_view field, std::string what, std::string holder = {}) {
  return Error{.code = code, .what = std::move(what), .field = std::string(field), .holder = std::move(holder)};
}

// "curl-3f9a" of /usr/bin/curl.
std::string make_name(Draft& draft, const v1::WorkloadSpec& spec) {
  constexpr size_t kLongestStem = 40;
  const std::string_view program = spec.external()          ? "external"
                                   : spec.command().empty() ? std::string_view()
                                                            : std::string_view(spec.command(0));
  std::string stem;
  for (const char c : program.substr(program.rfind('/') + 1)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) stem += upper ? static_cast<char>(c - 'A' + 'a') : c;
    if (!plain && !stem.empty() && stem.back() != '-') stem += '-';
    if (stem.size() == kLongestStem) break;
  }
  while (!stem.empty() && stem.back() == '-') stem.pop_back();
  while (true) {
    const std::string end = base::hex64(draft.around().rng.next()).substr(0, 4);
    const std::string name = (stem.empty() ? "w" : stem) + "-" + end;
    if (find_named<model::Workload>(draft, draft.around().machine.text, name) == nullptr) return name;
  }
}

Result<model::Limits> take_limits(const v1::WorkloadSpec& spec) {
  model::Limits limits;
  if (!spec.memory().empty()) limits.memory = TRY(base::parse_size(spec.memory()).in_field("memory"));
  if (!spec.cpus().empty()) limits.milli_cpus = TRY(parse_cpus(spec.cpus()).in_field("cpus"));
  if (spec.has_pids() && (spec.pids() == 0 || spec.pids() > workload::kMostPids)) {
    return refusal(Code::Usage, "pids",
                   fmt::format("{} is not a number of processes from 1 to {}", spec.pids(), workload::kMostPids));
  }
  limits.pids = spec.pids();
  return limits;
}

// What the parent of the workload would refuse is refused before it is agreed.
Result<> check_command(const model::Workload& workload) {
  if (workload.command.empty()) return {};  // which the model refuses
  return workload::validate(
      {.argv = workload.command, .env = workload.env, .user = workload.user, .workdir = workload.workdir});
}

// Weft doesn't start what runs in an external namespace: it can't limit it either.
Result<> check_external(const v1::WorkloadSpec& spec) {
  const auto refuse = [](std::string_view field) {
    return refusal(Code::Usage, field, "an external workload has none: something else runs in its namespace");
  };
  if (spec.command_size() != 0) return refuse("command");
  if (spec.env_size() != 0) return refuse("env");
  if (!spec.memory().empty()) return refuse("memory");
  if (!spec.cpus().empty()) return refuse("cpus");
  if (spec.has_pids()) return refuse("pids");
  if (spec.restart() != v1::RESTART_NO) return refuse("restart");
  if (!spec.user().empty()) return refuse("user");
  if (!spec.workdir().empty()) return refuse("workdir");
  if (spec.tty()) return refuse("tty");
  return {};
}

Result<> fill(model::Workload& workload, const v1::WorkloadSpec& spec, model::Keep keep) {
  if (spec.external()) TRY_VOID(check_external(spec));
  if (keep == model::Keep::UntilExit && spec.restart() != v1::RESTART_NO) {
    return refusal(Code::Usage, "rm", "what is started again can't go when it ends");
  }
  workload.kind = spec.external() ? model::WorkloadKind::External : model::WorkloadKind::Process;
  workload.command.assign(spec.command().begin(), spec.command().end());
  workload.env.assign(spec.env().begin(), spec.env().end());
  workload.user = spec.user();
  workload.workdir = spec.workdir();
  if (!spec.external()) TRY_VOID(check_command(workload));
  workload.limits = TRY(take_limits(spec));
  workload.restart = static_cast<model::Restart>(spec.restart());
  workload.wanted = static_cast<model::Wanted>(spec.wanted());
  workload.keep = keep;
  workload.terminal = spec.tty() ? model::Terminal::Given : model::Terminal::None;
  workload.publish.clear();
  for (int i = 0; i < spec.publish_size(); ++i) {
    workload.publish.push_back(TRY(parse_publication(spec.publish(i)).in_field(fmt::format("publish[{}]", i))));
  }
  return {};
}

// Whether the program must be started anew to become what it is wanted to be.
bool needs_start(const model::Workload& before, const model::Workload& after) {
  model::Workload alike = before;
  alike.publish = after.publish;
  alike.restart = after.restart;
  alike.keep = after.keep;
  return alike != after;
}

// A name that no TNI of the VPC has: that of the workload, where it is free.
std::string name_for_tni(const Draft& draft, const model::VpcId& vpc, const std::string& workload) {
  std::string name = workload;
  for (unsigned i = 2; find_named<model::Tni>(draft, vpc.text, name) != nullptr; ++i) {
    name = fmt::format("{}-{}", workload, i);
  }
  return name;
}

// The interface that lives as long as the workload: made, or the one that is there.
Result<model::TniId> settle_own(Draft& draft, const model::Workload& workload, const v1::WorkloadSpec& spec,
                                const std::optional<model::Tni>& there, IfThere policy) {
  const auto subnet = draft.get(TRY(resolve_subnet_or_default(draft, spec.subnet()).in_field("subnet")));
  if (there && there->subnet != subnet.id && policy == IfThere::Same) {
    return refusal(Code::Conflict, "subnet",
                   fmt::format("{} is in subnet {}", workload.name, draft.get(there->subnet).name), workload.id.text);
  }
  if (there && there->vpc != subnet.vpc) {
    detach(draft, *there);
    remove_tni(draft, *there);
  }
  const bool stays = there && there->vpc == subnet.vpc;
  v1::TniSpec own;
  own.set_subnet(subnet.id.text);
  own.set_ip(spec.ip());
  own.set_ip6(spec.ip6());
  *own.mutable_groups() = spec.groups();
  const std::string name = stays ? there->name : name_for_tni(draft, subnet.vpc, workload.name);
  const auto id = TRY(settle_tni(draft, name, own, stays ? policy : IfThere::Change));
  model::Tni tni = draft.get(id);
  tni.lifetime = model::Lifetime::WithWorkload;
  draft.put(tni);
  return id;
}

Result<std::vector<model::TniId>> named_tnis(const Draft& draft, const model::Workload& workload,
                                             const v1::WorkloadSpec& spec) {
  std::vector<model::TniId> ids;
  for (int i = 0; i < spec.tnis_size(); ++i) {
    const std::string field = fmt::format("tnis[{}]", i);
    const auto id = TRY(resolve_tni(draft, spec.tnis(i)).in_field(field));
    const model::Tni& tni = draft.get(id);
    if (!tni.workload.empty() && tni.workload != workload.id) {
      return refusal(Code::Conflict, field,
                     fmt::format("TNI {} is attached to workload {}", tni.name, draft.get(tni.workload).name),
                     tni.workload.text);
    }
    if (std::find(ids.begin(), ids.end(), id) != ids.end()) {
      return refusal(Code::Usage, field, fmt::format("{} is named twice", printable(spec.tnis(i))));
    }
    ids.push_back(id);
  }
  return ids;
}

// The interfaces are those of the spec, in its order, and no others.
Result<> settle_interfaces(Draft& draft, const model::Workload& workload, const v1::WorkloadSpec& spec,
                           IfThere policy) {
  const bool wants_own = !spec.subnet().empty() || spec.tnis_size() == 0;
  if (!wants_own) {
    for (const auto& [field, text] : {std::pair{"ip", spec.ip()}, std::pair{"ip6", spec.ip6()},
                                      std::pair{"groups", spec.groups_size() != 0 ? spec.groups(0) : std::string()}}) {
      if (!text.empty()) {
        return refusal(Code::Usage, field, "an interface that exists has its own; name a subnet for a new one");
      }
    }
  }
  const auto before = draft.tnis_of(workload.id);
  std::optional<model::Tni> own;
  for (const model::TniId& id : before) {
    if (draft.get(id).lifetime == model::Lifetime::WithWorkload) own = draft.get(id);
  }
  std::vector<model::TniId> wanted;
  if (wants_own) wanted.push_back(TRY(settle_own(draft, workload, spec, own, policy)));
  for (const model::TniId& id : TRY(named_tnis(draft, workload, spec))) wanted.push_back(id);
  for (const model::TniId& id : before) {
    const model::Tni* tni = draft.find(id);
    if (tni == nullptr || std::find(wanted.begin(), wanted.end(), id) != wanted.end()) continue;
    if (policy == IfThere::Same) {
      return refusal(Code::Conflict, "tnis", fmt::format("{} has the interface {} as well", workload.name, tni->name),
                     workload.id.text);
    }
    const model::Tni was = *tni;
    detach(draft, was);
    if (was.lifetime == model::Lifetime::WithWorkload) remove_tni(draft, was);
  }
  // What is attached in this order already keeps its ethN.
  uint32_t next = 0;
  for (const model::TniId& id : wanted) {
    const model::Tni& tni = draft.get(id);
    const uint32_t device = tni.workload == workload.id && tni.device > next ? tni.device : next;
    attach(draft, tni, workload, device);
    next = device + 1;
  }
  return {};
}

}  // namespace

Result<model::WorkloadId> settle_workload(Draft& draft, std::string name, const v1::WorkloadSpec& spec,
                                          model::Keep keep, IfThere policy) {
  const model::MachineId machine = draft.around().machine;
  if (name.empty()) name = make_name(draft, spec);
  const model::Workload* found = find_named<model::Workload>(draft, machine.text, name);
  const auto there = found != nullptr ? std::optional(*found) : std::nullopt;
  if (there && there->kind == model::WorkloadKind::Machine) {
    return refusal(Code::Conflict, "name", fmt::format("{} is the machine itself", name), there->id.text);
  }
  model::Workload workload = there.value_or(model::Workload{});
  if (!there) {
    workload.id = draft.make_id<model::Workload>();
    workload.name = name;
    workload.machine = machine;
  }
  TRY_VOID(fill(workload, spec, keep));
  if (there && policy == IfThere::Same) {
    // Whether it was stopped since isn't part of what it is.
    workload.wanted = there->wanted;
    TRY_VOID(expect_same(*there, workload));
  }
  if (there && needs_start(*there, workload) && workload.wanted == model::Wanted::Running) ++workload.generation;
  draft.put(workload);
  TRY_VOID(settle_interfaces(draft, workload, spec, there ? policy : IfThere::Change));
  return workload.id;
}

void remove_workload(Draft& draft, const model::WorkloadId& id) {
  for (const model::TniId& tni_id : draft.tnis_of(id)) {
    const model::Tni tni = draft.get(tni_id);
    if (tni.lifetime == model::Lifetime::WithWorkload) {
      remove_tni(draft, tni);
    } else {
      detach(draft, tni);
    }
  }
  draft.remove(id);
}

}  // namespace weft::api
