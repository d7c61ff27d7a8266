#include "datapath/links_linux.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
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
constexpr int kFirstIndex = 1 << 16;      // above what the kernel chooses by itself for long
constexpr int kLoopback = 1;              // the first device of every namespace

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
  TRY_VOID(configure(interface, inside, device).within(what));
  return index;
}

Result<> Links::configure(const Interface& interface, os::Netlink& netlink, int index) {
  const Wiring wiring = wiring_of(interface, index);
  // Addresses before the device comes up; routes want it up.
  std::vector<os::Request> requests{os::suppress_link_local(index)};
  for (os::Request& request : requests_of({.addresses = wiring.addresses})) requests.push_back(std::move(request));
  requests.push_back(os::change_link({.index = index, .state = os::LinkState::Up}));
  for (os::Request& request : requests_of({.routes = wiring.routes, .rules = wiring.rules})) {
    requests.push_back(std::move(request));
  }
  return netlink.apply(requests);
}

Result<> Links::attach_program(int index, const os::Fd& program, const std::string& name) {
  return own_.apply({os::put_clsact(index), os::put_filter({.link = index}, program, name, os::Create::Replace)});
}

Result<> Links::remove(int index) {
  // A name that nothing asks for, so that the TNI can come back at once.
  TRY_VOID(own_.apply(
      {os::change_link({.index = index, .state = os::LinkState::Down}),
       os::change_link({.index = index, .name = "gone" + std::to_string(index), .alias = "", .group = kDoomed})}));
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
