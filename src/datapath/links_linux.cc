#include "datapath/links_linux.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/text.h"
#include "os/netlink_address.h"
#include "os/netlink_link.h"
#include "os/netlink_route.h"
#include "os/netlink_tc.h"
#include "os/netns.h"
#include "os/sysctl.h"

namespace weft::datapath {

namespace {

constexpr uint32_t kDoomed = 0x77656674;  // group of the links that wait for the remover
constexpr int kFirstIndex = 1 << 16;      // above what the kernel chooses by itself for long
constexpr uint32_t kFirstTable = 1000;    // routing tables of eth1, eth2, ... in a workload
constexpr uint32_t kRulePriority = 1000;
constexpr uint32_t kTniBlock = 1;  // its filter judges what the TNIs send
constexpr uint32_t kIpv6Metric = 1024;  // what the kernel makes of none
// Whoever a TNI asks for, the router answers (bpf/neighbour.h).
const net::Address kAnyRouter6 = *net::Address::parse("fe80::1");
constexpr int kLoopback = 1;  // the first device of every namespace

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
    while (!links_.empty() && requests.size() < kAtOnce) {
      const int index = links_.extract(links_.begin()).value();
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
  links->names_ = names;
  links->own_netns_ = std::move(netns);
  links->next_index_ = kFirstIndex;
  os::Netlink for_remover = TRY(os::Netlink::open_in(links->own_netns_));
  links->remover_ = std::make_unique<Remover>(std::move(for_remover));
  for (const os::Link& link : TRY(os::read_links(links->own_))) {
    links->next_index_ = std::max(links->next_index_, link.index + 1);
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

Result<int> Links::create(const Interface& interface) {
  const std::string what = "attach TNI " + interface.tni.text;
  os::Fd netns = interface.home == Home::Machine ? TRY(os::current_netns().within(what))
                                                 : TRY(os::open_netns(interface.netns).within(what));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
  TRY_VOID(free_name(own_, interface.machine_side, End::Machine).within(what));
  TRY_VOID(free_name(inside, interface.device, End::Workload).within(what));
  // Chosen indexes let one message make the pair and the next ones use it.
  const int index = next_index_++;
  const int peer =
      interface.home == Home::Machine ? 0 : 10 + static_cast<int>(interface.position) + (index << 4) % 100'000'000;
  const std::vector<os::Request> requests = {
      os::create_veth(
          {.name = interface.machine_side,
           .index = index,
           .mac = kRouterMac,
           .mtu = interface.mtu,
           .peer =
               {.name = interface.device, .index = peer, .mac = interface.mac, .mtu = interface.mtu, .netns = &netns}}),
      os::change_link({.index = index, .alias = interface.tni.text + " " + interface.fingerprint()}),
      os::suppress_link_local(index),
      os::put_shared_ingress(index, kTniBlock),
      os::change_link({.index = index, .state = os::LinkState::Up}),
  };
  TRY_VOID(own_.apply(requests).within(what));
  const int device = peer != 0 ? peer : TRY(os::link_index(inside, interface.device).within(what));
  const auto configured = configure(interface, inside, device);
  if (configured.ok()) return index;
  // Half an interface would be in the way of the next try.
  (void)remove(index, interface);
  return base::Error(configured.error()).within(what);
}

// The answers of an interface's own addresses go out by it, if it isn't the first.
std::vector<os::Rule> Links::rules_of(const Interface& interface) {
  std::vector<os::Rule> rules;
  if (interface.home == Home::Machine || interface.position == 0) return rules;
  for (const net::Address& address : interface.addresses) {
    rules.push_back({.priority = kRulePriority + interface.position,
                     .from = net::Prefix::host(address),
                     .table = kFirstTable + interface.position});
  }
  return rules;
}

// Rules outlive the device that they lead to.
Result<> Links::remove(int index, const Interface& interface) {
  remove(index);
  const auto rules = rules_of(interface);
  if (rules.empty()) return {};
  auto netns = TRY(os::find_netns(interface.netns));
  if (!netns) return {};
  os::Netlink netlink = TRY(os::Netlink::open_in(*netns));
  std::vector<os::Request> requests;
  for (const os::Rule& rule : rules) requests.push_back(os::remove_rule(rule));
  return netlink.apply(requests);
}

Result<> Links::configure(const Interface& interface, os::Netlink& netlink, int index) {
  std::vector<os::Request> requests{os::suppress_link_local(index)};
  for (const net::Address& address : interface.addresses) {
    requests.push_back(os::put_address({.link = index, .address = address, .length = address.is_v4() ? 32u : 128u},
                                       os::Create::Replace));
  }
  requests.push_back(os::change_link({.index = index, .state = os::LinkState::Up}));
  const net::Address& source = interface.addresses.front();
  const uint32_t table = interface.position == 0 ? os::kMainTable : kFirstTable + interface.position;
  const auto add_family = [&](const net::Prefix& cidr, const net::Address& own) {
    // IPv6 refuses a router that another device has a way to already, and two
    // interfaces may be in one subnet: then it goes by an address that needs none.
    const bool again = !own.is_v4() && interface.position != 0;
    const net::Address router = again ? kAnyRouter6 : model::router_of(cidr);
    if (interface.home == Home::Machine) {
      // The machine keeps its own default route; only the VPC's range leads here.
      requests.push_back(os::put_route({.to = net::Prefix::host(router), .link = index}, os::Create::Replace));
      requests.push_back(
          os::put_route({.to = cidr, .link = index, .via = router, .onlink = true, .source = own, .mtu = interface.mtu},
                        os::Create::Replace));
      return;
    }
    if (!again) {
      requests.push_back(
          os::put_route({.to = net::Prefix::host(router), .link = index, .table = table}, os::Create::Replace));
    }
    requests.push_back(os::put_route({.to = net::Prefix::any(cidr.family()),
                                      .link = index,
                                      .via = router,
                                      .onlink = true,
                                      .source = own,
                                      .table = table},
                                     os::Create::Replace));
    // What is near goes out here; of two in one subnet, by the first.
    requests.push_back(os::put_route({.to = cidr,
                                      .link = index,
                                      .via = router,
                                      .onlink = true,
                                      .source = own,
                                      .metric = (own.is_v4() ? 0 : kIpv6Metric) + interface.position},
                                     os::Create::Replace));
  };
  add_family(interface.cidr, source);
  if (interface.cidr6) add_family(*interface.cidr6, interface.addresses.back());
  for (const os::Rule& rule : rules_of(interface)) requests.push_back(os::put_rule(rule, os::Create::Replace));
  return netlink.apply(requests);
}

// The loopback device holds the block while there is no TNI; nothing is sent on it.
Result<> Links::judge_tnis_by(const os::Fd& program) {
  return own_.apply({os::put_shared_ingress(kLoopback, kTniBlock),
                     os::put_filter({.block = kTniBlock}, program, "weft_from_tni", os::Create::Replace)});
}

Result<> Links::judge_gateway_by(int index, const os::Fd& program) {
  return own_.apply({os::put_clsact(index), os::put_filter({.link = index}, program, "weft_from_gw", os::Create::Replace)});
}

void Links::remove(int index) { remover_->remove_link(index); }

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
  const os::Fd netns = TRY(os::create_netns(name));
  os::Netlink netlink = TRY(os::Netlink::open_in(netns));
  return netlink.apply({os::change_link({.index = kLoopback, .state = os::LinkState::Up})});
}

void Links::drop_netns(const std::string& name) { remover_->remove_netns(name); }

}  // namespace weft::datapath
