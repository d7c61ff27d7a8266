#include <algorithm>
#include <boost/asio/post.hpp>
#include <set>

#include "os/clock.h"
#include "runtime/runtime.h"

namespace weft::runtime {

using model::WorkloadId;
using workload::RunState;
using workload::Status;

namespace {

Now now() { return {.boot = os::now_boot(), .wall = os::now_wall()}; }

Wish wish_of(const model::Workload& workload) {
  return {.generation = workload.generation, .wanted = workload.wanted, .restart = workload.restart};
}

// The workloads that a change concerns; an interface matters to a workload's resolver.
void add_touched(const model::Object& object, std::set<WorkloadId>& ids) {
  if (const auto* workload = std::get_if<model::Workload>(&object)) ids.insert(workload->id);
  if (const auto* tni = std::get_if<model::Tni>(&object)) ids.insert(tni->workload);
}

}  // namespace

void Runtime::update(const model::State& state, const model::Changes& changes) {
  std::set<WorkloadId> ids;
  if (phase_ == Phase::Finding) {
    for (const auto& [id, workload] : state.all<model::Workload>()) ids.insert(id);
    for (const auto& [id, item] : items_) ids.insert(id);
  }
  for (const auto& change : changes) {
    if (change.before) add_touched(*change.before, ids);
    if (change.after) add_touched(*change.after, ids);
  }
  const bool is_first = phase_ == Phase::Finding;
  phase_ = Phase::Running;
  for (const auto& id : ids) refresh(state, id);
  if (is_first) note_boot();
}

void Runtime::refresh(const model::State& state, const WorkloadId& id) {
  const auto* workload = state.find(id);
  const bool is_ours =
      workload != nullptr && workload->machine == options_.self && workload->kind == model::WorkloadKind::Process;
  if (!is_ours && !items_.contains(id)) return;
  Item& item = item_of(id);
  if (is_ours) {
    const Wish wish = wish_of(*workload);
    account_for_power_cycle(item, wish);
    item.life.set_wish(wish);
    item.spec = compile_spec(*workload, {.netns = options_.netns_path(id),
                                         .resolv_conf = options_.resolv_conf(state, *workload),
                                         .cgroup_root = options_.cgroup_root,
                                         .cgroup = options_.cgroup});
    if (workload->keep == model::Keep::UntilExit && item.found == Item::Found::Before) item.shown = {};
  } else {
    item.life.set_wish({});
  }
  item.found = Item::Found::Now;
  settle(item);
}

// Whatever was to run and of whose end there is no word may have run.
void Runtime::account_for_power_cycle(Item& item, const Wish& wish) {
  if (boot_ == Boot::Same || item.life.is_live()) return;
  const auto& record = item.life.record();
  const bool was_started = record && !record->end;
  const bool may_have_been =
      wish.wanted == model::Wanted::Running && (!record || record->generation != wish.generation);
  if (was_started || may_have_been) item.life.on_loss(now(), Loss::PowerCycle, {});
}

Item& Runtime::item_of(const WorkloadId& id) {
  auto& item = items_[id];
  if (!item) item = std::make_shared<Item>(loop_, id);
  return *item;
}

// After whatever was told of an item.
void Runtime::settle(Item& item) {
  if (phase_ == Phase::Finding) return;
  const auto kept = items_.at(item.id);
  act(item);
  if (!items_.contains(item.id)) return;
  save(item);
  arm(item);
  tell(item);
  if (!item.life.is_under_way()) resolve(item.wanted_waiters, item.shown);
}

void Runtime::act(Item& item) {
  switch (item.life.next(os::now_boot())) {
    case Act::Nothing: return;
    case Act::Start: return enqueue(item);
    case Act::Stop: return ask_to_stop(item);
    case Act::Kill: return kill_parent(item);
    case Act::Remove: return remove(item);
  }
}

void Runtime::arm(Item& item) {
  auto at = item.life.wake_at();
  if (item.search) at = std::min(at.value_or(item.search->again), item.search->again);
  if (!at) {
    item.timer.cancel();
    return;
  }
  item.timer.expires_after(std::max(base::Duration(0), *at - os::now_boot()));
  item.timer.async_wait([this, weak = std::weak_ptr(items_.at(item.id))](boost::system::error_code fault) {
    const auto kept = weak.lock();
    if (kept && !fault) wake(*kept);
  });
}

void Runtime::wake(Item& item) {
  if (item.search && item.search->again <= os::now_boot()) return find_parent(item);
  settle(item);
}

void Runtime::tell(Item& item) {
  const Status after = item.life.shown();
  if (after == item.shown) return;
  const Status before = std::exchange(item.shown, after);
  if (on_change_) {
    boost::asio::post(loop_, [weak = std::weak_ptr(on_change_), id = item.id, before, after] {
      if (const auto callback = weak.lock()) (*callback)(id, before, after);
    });
  }
  if (is_over(after)) resolve(item.end_waiters, after);
  wake_followers(item.id);
}

// Starts take turns with everything else on the loop.
void Runtime::enqueue(Item& item) {
  if (item.queue == Item::Queue::In) return;
  item.queue = Item::Queue::In;
  if (starts_.empty()) post_start();
  starts_.push_back(item.id);
}

void Runtime::post_start() {
  boost::asio::post(loop_, [this, weak = std::weak_ptr(alive_)] {
    if (!weak.expired()) start_next();
  });
}

void Runtime::start_next() {
  const auto found = items_.find(starts_.front());
  starts_.pop_front();
  if (!starts_.empty()) post_start();
  if (found == items_.end()) return;
  const auto kept = found->second;
  kept->queue = Item::Queue::Out;
  start_if_due(*kept);
}

void Runtime::start_if_due(Item& item) {
  if (item.life.is_due() && item.life.next(os::now_boot()) == Act::Start) start(item);
}

}  // namespace weft::runtime
