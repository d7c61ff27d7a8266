#include "datapath/links_linux.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
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
constexpr uint32_t kIpv6Metric = 1024;  // what the kernel makes of none
// Whoever a TNI asks for, the router answers (bpf/neighbour.h).
const net::Address kAnyRouter6 = *net::Address::parse("fe80::1");
constexpr int kLoopback = 1;  // the first device of every namespace

// Nothing asks for it.
std::string gone_name(int index) { return "gone" + std::to_string(index); }

}  // namespace

// Removes doomed links, many with one wait. It holds no state but the word that
// there is something to do.
class Links::Remover {
 public:
  explicit Remover(os::Netlink netlink) : netlink_(std::move(netlink)), thread_([this] { run(); }) {}
  ~Remover() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      work_ = true;
    }
    wake_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stop_ || work_; });
      if (!work_) return;
      work_ = false;
      lock.unlock();
      // None left in the group is an error that says nothing; a failure is seen
      // when the links are read again.
      (void)netlink_.apply({os::remove_link_group(kDoomed)});
      lock.lock();
    }
  }

  os::Netlink netlink_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  bool work_ = false;
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
  for (const os::Link& link : TRY(os::read_links(links->own_))) {
    links->next_index_ = std::max(links->next_index_, link.index + 1);
  }
  TRY_VOID(links->own_.apply({os::change_link({.index = kLoopback, .state = os::LinkState::Up})}));
  os::Netlink for_remover = TRY(os::Netlink::open_in(links->own_netns_));
  links->remover_ = std::make_unique<Remover>(std::move(for_remover));
  links->remover_->wake();
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

Result<int> Links::create(const Interface& interface, const os::Fd& program) {
  const std::string what = "attach TNI " + interface.tni.text;
  os::Fd netns = interface.home == Home::Machine ? TRY(os::current_netns().within(what))
                                                 : TRY(os::open_netns(interface.netns).within(what));
  os::Netlink inside = TRY(os::Netlink::open_in(netns));
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
      os::put_clsact(index),
      os::put_filter({.link = index}, program, "weft_from_tni", os::Create::Replace),
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

Result<> Links::remove(int index, const Interface& interface) {
  TRY_VOID(remove(index));
  return clear_place(index, interface);
}

// Rules outlive the device that they lead to, and the device has its name until
// the remover comes.
Result<> Links::clear_place(int index, const Interface& interface) {
  auto netns =
      interface.home == Home::Machine ? std::optional(TRY(os::current_netns())) : TRY(os::find_netns(interface.netns));
  if (!netns) return {};
  os::Netlink netlink = TRY(os::Netlink::open_in(*netns));
  std::vector<os::Request> requests;
  for (const os::Rule& rule : rules_of(interface)) requests.push_back(os::remove_rule(rule));
  const auto device = TRY(os::find_link(netlink, interface.device));
  if (device && device->peer == index) {
    requests.push_back(os::change_link({.index = device->index, .state = os::LinkState::Down}));
    requests.push_back(os::change_link({.index = device->index, .name = gone_name(index)}));
  }
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

Result<> Links::attach_program(int index, const os::Fd& program, const std::string& name) {
  return own_.apply({os::put_clsact(index), os::put_filter({.link = index}, program, name, os::Create::Replace)});
}

Result<> Links::remove(int index) {
  // A name that nothing asks for, so that the TNI can come back at once.
  TRY_VOID(own_.apply({os::change_link({.index = index, .state = os::LinkState::Down}),
                       os::change_link({.index = index, .name = gone_name(index), .alias = "", .group = kDoomed})}));
  remover_->wake();
  return {};
}

Result<> Links::make_netns(const std::string& name) {
  if (TRY(os::find_netns(name))) return {};
  const os::Fd netns = TRY(os::create_netns(name));
  os::Netlink netlink = TRY(os::Netlink::open_in(netns));
  return netlink.apply({os::change_link({.index = kLoopback, .state = os::LinkState::Up})});
}

Result<> Links::drop_netns(const std::string& name) { return os::remove_netns(name); }

}  // namespace weft::datapath
