// Tnis.
#include <algorithm>

#include "api/list.h"
#include "api/method.h"
#include "api/services.h"
#include "api/settle.h"
#include "api/settle_text.h"
#include "api/view.h"
#include "base/text.h"

namespace weft::api {

using base::Code;
using base::printable;

namespace {

Result<v1::Created> create(Draft& draft, const v1::TniCreateRequest& request) {
  v1::TniSpec spec;
  spec.set_subnet(request.subnet());
  if (request.ips_size() != 0) spec.set_ip(request.ips(0));
  for (int i = 1; i < request.ips_size(); ++i) spec.add_secondary(request.ips(i));
  spec.set_ip6(request.ip6());
  *spec.mutable_groups() = request.groups();
  spec.set_source_check(request.source_check());
  const auto placed = TRY(place(draft, request.name(), spec));
  const auto id = TRY(settle_tni(draft, placed.name, placed.spec, IfThere::Same));
  return created(id.text, placed.name);
}

Result<> check_movable(const Draft& draft, const model::Tni& tni) {
  const model::Workload* at = tni.workload.empty() ? nullptr : draft.find(tni.workload);
  if (at == nullptr || at->kind != model::WorkloadKind::Machine) return {};
  return Error{.code = Code::Conflict,
               .what = fmt::format("TNI {} is the machine's own and stays with it", tni.name),
               .field = "tni",
               .holder = at->id.text};
}

// The lowest ethN that the workload doesn't have.
uint32_t free_device(const Draft& draft, const model::WorkloadId& workload) {
  uint32_t device = 0;
  for (const model::TniId& id : draft.tnis_of(workload)) {
    if (draft.get(id).device == device) ++device;
  }
  return device;
}

Result<> attach_to(Draft& draft, const model::Tni& tni, const std::string& name) {
  const model::Workload workload = draft.get(TRY(resolve_workload(draft, name).in_field("workload")));
  if (tni.workload == workload.id) return {};
  if (workload.kind == model::WorkloadKind::Machine) {
    return Error{.code = Code::Conflict,
                 .what = fmt::format("{} is the machine itself, which has its one TNI", workload.name),
                 .field = "workload",
                 .holder = workload.id.text};
  }
  model::Tni moved = tni;
  moved.lifetime = model::Lifetime::Own;  // it isn't where it was made for
  attach(draft, std::move(moved), workload, free_device(draft, workload.id));
  return {};
}

Result<v1::Changed> attach_tni(Draft& draft, const v1::TniAttachRequest& request) {
  const model::Tni tni = draft.get(TRY(resolve_tni(draft, request.tni()).in_field("tni")));
  TRY_VOID(check_movable(draft, tni));
  const auto target = TRY(resolve_workload(draft, request.workload()).in_field("workload"));
  if (!tni.workload.empty() && tni.workload != target) {
    return Error{
        .code = Code::Conflict,
        .what = fmt::format("TNI {} is attached to workload {}; move it", tni.name, draft.get(tni.workload).name),
        .field = "tni",
        .holder = tni.workload.text};
  }
  TRY_VOID(attach_to(draft, tni, request.workload()));
  return v1::Changed();
}

Result<v1::Changed> detach_tni(Draft& draft, const v1::TniDetachRequest& request) {
  const model::Tni tni = draft.get(TRY(resolve_tni(draft, request.tni()).in_field("tni")));
  TRY_VOID(check_movable(draft, tni));
  if (!tni.workload.empty()) detach(draft, tni);
  return v1::Changed();
}

Result<v1::Changed> move_tni(Draft& draft, const v1::TniMoveRequest& request) {
  const model::Tni tni = draft.get(TRY(resolve_tni(draft, request.tni()).in_field("tni")));
  TRY_VOID(check_movable(draft, tni));
  TRY_VOID(attach_to(draft, tni, request.workload()));
  return v1::Changed();
}

Result<v1::Changed> set(Draft& draft, const v1::TniSetRequest& request) {
  model::Tni tni = draft.get(TRY(resolve_tni(draft, request.name()).in_field("name")));
  if (request.groups_size() != 0) tni.groups = TRY(take_groups(draft, request.groups(), draft.get(tni.vpc)));
  if (request.has_source_check()) tni.source_check = static_cast<model::SourceCheck>(request.source_check());
  tni.timeouts = merge(request.timeouts(), tni.timeouts);
  draft.put(tni);
  return v1::Changed();
}

Result<v1::TniListAnswer> list(const Asked& asked, const v1::ListRequest& request) {
  return list_in_vpc<model::Tni, v1::TniListAnswer>(asked, request,
                                                    [&](const model::Tni& tni) { return view(asked.backend, tni); });
}

Result<v1::TniItem> get(const Asked& asked, const v1::GetRequest& request) {
  const auto id = TRY(resolve_tni(asked.draft, request.name()).in_field("name"));
  return view(asked.backend, asked.draft.get(id));
}

Result<v1::Changed> remove(Draft& draft, const v1::RemoveRequest& request) {
  const model::Tni tni = draft.get(TRY(resolve_tni(draft, request.name()).in_field("name")));
  remove_tni(draft, tni);
  return v1::Changed();
}

// systemd.unit(5): a unit's name is of these characters and ends with its type.
Result<std::string> take_unit(const std::string& text) {
  constexpr size_t kLongest = 255;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  };
  const std::string unit = text.find('.') == std::string::npos ? text + ".service" : text;
  if (text.empty() || unit.size() > kLongest || !std::all_of(unit.begin(), unit.end(), allowed) ||
      unit.front() == '.' || !unit.ends_with(".service")) {
    return error(Code::Usage, "{} is not a service unit such as postgresql.service", printable(text));
  }
  return unit;
}

// The unit starts when weftd has made the namespace, and outlives weftd: Wants,
// not Requires, or stopping the daemon would stop the unit.
std::string dropin_text(const Backend& backend, const model::Tni& tni) {
  return fmt::format(
      "[Unit]\n"
      "Wants={0}\n"
      "After={0}\n"
      "\n"
      "[Service]\n"
      "NetworkNamespacePath={1}\n"
      "BindReadOnlyPaths={2}:/etc/resolv.conf\n",
      backend.identity().service, backend.netns_path(tni.workload), backend.resolv_conf_path(tni.workload));
}

Result<v1::TniUnitDropinAnswer> unit_dropin(const Asked& asked, const v1::TniUnitDropinRequest& request) {
  const std::string unit = TRY(take_unit(request.unit()).in_field("unit"));
  const model::Tni& tni = asked.draft.get(TRY(resolve_tni(asked.draft, request.tni()).in_field("tni")));
  const model::Workload* workload = tni.workload.empty() ? nullptr : asked.draft.find(tni.workload);
  if (workload == nullptr || workload->kind != model::WorkloadKind::External) {
    return Error{.code = Code::Conflict,
                 .what = fmt::format("TNI {} is not attached to an external workload (weft run --external)", tni.name),
                 .field = "tni",
                 .holder = workload == nullptr ? std::string() : workload->id.text};
  }
  v1::TniUnitDropinAnswer answer;
  answer.set_path(fmt::format("/etc/systemd/system/{}.d/weft.conf", unit));
  answer.set_text(dropin_text(asked.backend, tni));
  return answer;
}

}  // namespace

void add_tnis(Dispatch& dispatch) {
  add_write(dispatch, "Tnis/Create", create);
  add_write(dispatch, "Tnis/Attach", attach_tni);
  add_write(dispatch, "Tnis/Detach", detach_tni);
  add_write(dispatch, "Tnis/Move", move_tni);
  add_write(dispatch, "Tnis/Set", set);
  add_read(dispatch, "Tnis/List", list);
  add_read(dispatch, "Tnis/Get", get);
  add_write(dispatch, "Tnis/Remove", remove);
  add_read(dispatch, "Tnis/UnitDropin", unit_dropin);
}

}  // namespace weft::api
