#include "datapath/links_linux.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/text.h"
#include "datapath/wiring.h"
#include "os/netlink_link.h"
#include "os/netlink_tc.h"
#include "os/netns.h"
#include "os/sysctl.h"

namespace weft::datapath {

namespace {

constexpr uint32_t kDoomed = 0x77656674;  // group of the links that wait for the remover
constexpr int kLoopback = 1;              // the first device of every namespace

}  // namespace

// Removes doomed links and the namespaces that had them, many with one wait: the
// kernel lets nobody else change links during it, so it is left until no more come
// for a moment. A namespace's name costs a wait of its own.
class Links::Remover {
 public:
  explicit Remover(os::Netlink netlink) : netlink_(std::move(netlink)), thread_([this] { run(); }) {}
  ~Remover() {
    change([this] { stop_ = true; });
    thread_.join();
  }
  void remove_link(int index) {
    change([&] { links_.insert(index); });
  }
  size_t count_links() {
    const std::lock_guard lock(mutex_);
    return links_.size() + removing_links_.size();
  }
  bool is_to_remove(int index) {
    const std::lock_guard lock(mutex_);
    return links_.contains(index) || removing_links_.contains(index);
  }
  void remove_netns(const std::string& name) {
    change([&] { names_.insert(name); });
  }
  // The name is wanted again: it stays, or is gone when this returns.
  void keep_netns(const std::string& name) {
    std::unique_lock lock(mutex_);
    names_.erase(name);
    removed_.wait(lock, [&] { return removing_ != name; });
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kGather{50}, kGatherAtMost{500};
  static constexpr size_t kAtOnce = 500;  // links: for so many nobody else waits long

  template <class Change>
  void change(Change&& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    wake_.notify_one();
  }

  bool has_work() const { return !links_.empty() || !names_.empty(); }
  size_t work() const { return links_.size() + names_.size(); }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stop_ || has_work(); });
      if (!has_work()) return;
      const auto latest = Clock::now() + kGatherAtMost;
      for (size_t known = 0; !stop_ && known != work() && Clock::now() < latest;) {
        known = work();
        wake_.wait_for(lock, kGather, [this] { return stop_; });
      }
      while (!links_.empty()) remove_some_links(lock);
      while (!names_.empty()) remove_next_name(lock);
    }
  }

  // A failure is seen when the links are read again.
  void remove_some_links(std::unique_lock<std::mutex>& lock) {
    std::vector<os::Request> requests;
    // The newest first: the kernel finds it at the head of its lists.
    while (!links_.empty() && requests.size() < kAtOnce) {
      const int index = links_.extract(std::prev(links_.end())).value();
      removing_links_.insert(index);
      requests.push_back(os::change_link({.index = index, .alias = "", .group = kDoomed}));
      requests.back().done = {ENODEV};
    }
    lock.unlock();
    (void)netlink_.apply(requests);
    (void)netlink_.apply({os::remove_link_group(kDoomed)});
    lock.lock();
    removing_links_.clear();
  }

  void remove_next_name(std::unique_lock<std::mutex>& lock) {
    removing_ = names_.extract(names_.begin()).value();
    lock.unlock();
    (void)os::remove_netns(removing_);  // what stays is removed with the leftovers
    lock.lock();
    removing_.clear();
    removed_.notify_all();
  }

  os::Netlink netlink_;
  std::mutex mutex_;
  std::condition_variable wake_, removed_;
  std::set<int> links_, removing_links_;
  std::set<std::string> names_;
  std::string removing_;
  bool stop_ = false;
  std::thread thread_;
};

Links::Links(os::Netlink own) : own_(std::move(own)) {}
Links::~Links() = default;

Result<std::unique_ptr<Links>> Links::open(const Names& names) {
  auto found = TRY(os::find_netns(names.own_netns()));
  os::Fd netns = found ? std::move(*found) : TRY(os::create_netns(names.own_netns()));
  std::unique_ptr<Links> links(new Links(TRY(os::Netlink::open_in(netns))));
  // It has no IP of its own: programs take each packet before its stack. So the kernel
  // has nothing to set up and tear down with each link; nothing depends on it.
  (void)os::write_sysctl(netns, "ipv6/conf/all/disable_ipv6", "1");
  links->names_ = names;
  links->own_netns_ = std::move(netns);
  os::Netlink for_remover = TRY(os::Netlink::open_in(links->own_netns_));
  links->remover_ = std::make_unique<Remover>(std::move(for_remover));
  for (const os::Link& link : TRY(os::read_links(links->own_))) {
    links->next_turn_ = std::max(links->next_turn_, link.index / abi::MOST_TNIS + 1);
    if (link.group == kDoomed) links->remover_->remove_link(link.index);
  }
  TRY_VOID(links->own_.apply({os::change_link({.index = kLoopback, .state = os::LinkState::Up})}));
  return links;
}

Result<std::vector<FoundLink>> Links::read() {
  std::vector<FoundLink> found;
  for (const os::Link& link : TRY(os::read_links(own_))) {
    const auto words = base::split(link.alias, ' ');
    if (link.group == kDoomed || words.size() != 2) continue;
    found.push_back({link.index, link.name, std::string(words[0]), std::string(words[1])});
  }
  return found;
}

Result<int> Links::create(const Interface& interface, uint32_t slot) {
  const std::string what = "attach TNI " + interface.tni.text;
  os::Fd netns = interface.home == Home::Machine ? TRY(os::current_netns().within(what))
                                                 : TRY(os::open_netns(interface.netns).within(what));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
  TRY_VOID(free_name(own_, interface.machine_side, End::Machine).within(what));
  TRY_VOID(free_name(inside, interface.device, End::Workload).within(what));
  // Chosen indexes let one message make the pair and the next ones use it.
  if (next_turn_ >= kTurns) next_turn_ = kFirstTurn;
  const int turn = next_turn_++, index = index_of_slot(slot, turn);
  const int peer = interface.home == Home::Machine ? 0 : 10 + static_cast<int>(interface.position) + (turn << 4);
  const std::vector<os::Request> requests = {
      os::create_veth(
          {.name = interface.machine_side,
           .index = index,
           .mac = kRouterMac,
           .mtu = interface.mtu,
           .peer =
               {.name = interface.device, .index = peer, .mac = interface.mac, .mtu = interface.mtu, .netns = &netns}}),
      os::change_link({.index = index, .alias = interface.tni.text + " " + interface.fingerprint()}),
      os::put_shared_ingress(index, kTniBlock),
      os::change_link({.index = index, .state = os::LinkState::Up}),
  };
  const auto finish = [&]() -> Result<> {
    TRY_VOID(own_.apply(requests));
    return configure(interface, inside, peer != 0 ? peer : TRY(os::link_index(inside, interface.device)));
  };
  const auto finished = finish();
  if (finished.ok()) return index;
  // Half an interface would be in the way of the next try.
  (void)remove(index, interface);
  return base::Error(finished.error()).within(what);
}

// Rules outlive the device that they lead to.
Result<> Links::remove(int index, const Interface& interface) {
  remove(index);
  const auto rules = wiring_of(interface, 0).rules;
  if (rules.empty()) return {};
  auto netns = TRY(os::find_netns(interface.netns));
  if (!netns) return {};
  os::Netlink netlink = TRY(os::Netlink::open_in(*netns));
  std::vector<os::Request> requests;
  for (const os::Rule& rule : rules) requests.push_back(os::remove_rule(rule));
  return netlink.apply(requests);
}

Result<> Links::configure(const Interface& interface, os::Netlink& netlink, int index) {
  const Wiring wiring = wiring_of(interface, index);
  // Addresses before the device comes up; routes want it up.
  std::vector<os::Request> requests{os::suppress_link_local(index)};
  for (os::Request& request : requests_of({.addresses = wiring.addresses}, interface.home))
    requests.push_back(std::move(request));
  requests.push_back(os::change_link({.index = index, .state = os::LinkState::Up}));
  for (os::Request& request :
       requests_of({.routes = wiring.routes, .rules = wiring.rules, .neighbours = wiring.neighbours}, interface.home)) {
    requests.push_back(std::move(request));
  }
  return netlink.apply(requests);
}

// The loopback device holds the block while there is no TNI; nothing is sent on it.
Result<> Links::judge_tnis_by(const os::Fd& program) {
  const os::FilterPlace place{.block = kTniBlock};
  const auto hold = os::put_shared_ingress(kLoopback, kTniBlock);
  const auto judge = os::put_filter(place, program, "weft_from_tni", os::Create::Replace);
  if (own_.apply({hold, judge}).ok()) return {};
  // Something of another kind stands there, or at the hooks of the loopback device.
  return own_.apply({os::remove_hooks(kLoopback), hold, os::clear_priority(place), judge});
}

// What else stands there goes: only without hooks can others be put.
Result<> Links::share_judge(int index) {
  return own_.apply({os::remove_hooks(index), os::put_shared_ingress(index, kTniBlock)});
}

Result<> Links::judge_gateway_by(int index, const os::Fd& program) {
  return own_.apply(
      {os::put_clsact(index), os::put_filter({.link = index}, program, "weft_from_gw", os::Create::Replace)});
}

void Links::remove(int index) { remover_->remove_link(index); }

size_t Links::count_doomed() const { return remover_->count_links(); }

// The name may be that of a link that waits for the remover: the TNI, or another in
// its place, comes back.
Result<> Links::free_name(os::Netlink& netlink, const std::string& name, End end) {
  const auto link = TRY(os::find_link(netlink, name));
  if (!link) return {};
  const int machine_side = end == End::Machine ? link->index : link->peer;
  if (!remover_->is_to_remove(machine_side)) return {};
  os::Request down = os::change_link({.index = link->index, .state = os::LinkState::Down});
  os::Request rename = os::change_link({.index = link->index, .name = "gone" + std::to_string(machine_side)});
  down.done = rename.done = {ENODEV};  // the remover was quicker
  return netlink.apply({std::move(down), std::move(rename)});
}

Result<> Links::make_netns(const std::string& name) {
  remover_->keep_netns(name);
  if (TRY(os::find_netns(name))) return {};
  TRY_VOID(os::remove_netns(name));  // a bare file, of one that was killed while it made the namespace
  const os::Fd netns = TRY(os::create_netns(name));
  os::Netlink netlink = TRY(os::Netlink::open_in(netns));
  return netlink.apply({os::change_link({.index = kLoopback, .state = os::LinkState::Up})});
}

void Links::keep_netns(const std::string& name) { remover_->keep_netns(name); }

void Links::drop_netns(const std::string& name) { remover_->remove_netns(name); }

}  // namespace weft::datapath
