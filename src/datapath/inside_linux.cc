#include "datapath/inside_linux.h"

#include <sys/resource.h>

#include <cerrno>

#include "os/netns.h"

namespace weft::datapath {

using base::Code;

namespace {

// What a workload can make us read of its addresses or routes. It has more than that
// only to harm, and is left alone with it.
constexpr size_t kMostRows = 4096;

Result<Wiring> read_wiring(os::Netlink& netlink, const Interface& interface, int device) {
  Wiring there;
  for (const auto& row : TRY(os::read_addresses(netlink, device))) there.addresses.insert(row);
  for (const auto& row : TRY(os::read_routes(netlink, os::kMainTable, device))) there.routes.insert(row);
  if (interface.home == Home::Workload && interface.cidr6) {
    for (const auto& row : TRY(os::read_neighbours(netlink))) {
      if (row.link == device) there.neighbours.insert(row);
    }
  }
  if (interface.position == 0 || interface.home == Home::Machine) return there;
  for (const auto& row : TRY(os::read_routes(netlink, table_of(interface), device))) there.routes.insert(row);
  for (const auto& row : TRY(os::read_rules(netlink))) there.rules.insert(row);
  return there;
}

// Its own name, whatever the workload calls it.
Result<> rename(os::Netlink& netlink, const Interface& interface, int device) {
  const std::vector<os::Request> live = {os::change_link({.index = device, .name = interface.device})};
  const auto failures = TRY(netlink.send(live));
  if (failures.empty()) return {};
  if (failures.front().number != EBUSY) return failures.front().error;
  // Before Linux 6.2 a device must be down for it.
  return netlink.apply({os::change_link({.index = device, .state = os::LinkState::Down}),
                        os::change_link({.index = device, .name = interface.device}),
                        os::change_link({.index = device, .state = os::LinkState::Up})});
}

}  // namespace

Result<Insides> Insides::open() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return base::errno_error("ask for the limit of open files", errno);
  return Insides(TRY(os::Netlink::open()), limit.rlim_cur / 4);
}

Result<os::Netlink*> Insides::socket_in(const std::string& netns) {
  const auto held = held_.find(netns);
  if (held != held_.end()) return &held->second;
  const os::Fd place = TRY(os::open_netns(netns));
  os::Netlink netlink = TRY(os::Netlink::open_in(place));
  netlink.limit_rows(kMostRows);
  if (held_.size() < most_) return &held_.emplace(netns, std::move(netlink)).first->second;
  return &passing_.emplace(std::move(netlink));
}

Result<std::string> Insides::mend(const Interface& interface, int device, int machine_side) {
  os::Netlink* netlink = interface.home == Home::Machine ? &machine_ : TRY(socket_in(interface.netns));
  const auto link = TRY(os::find_link(*netlink, device));
  // Numbers are used again: what has it now may be the workload's own.
  if (!link || link->kind != "veth" || link->peer != machine_side) {
    return error(Code::NotFound, "{} isn't there", interface.device);
  }
  auto mended = mend_with(interface, *link, *netlink);
  passing_.reset();
  // The rest of what it reads is still to come: another socket begins anew.
  if (!mended.ok() && mended.error().code == Code::Limit) held_.erase(interface.netns);
  return mended;
}

Result<std::string> Insides::mend_with(const Interface& interface, const os::Link& link, os::Netlink& netlink) {
  const int device = link.index;
  std::string mended;
  const auto say = [&](const std::string& what) { mended += (mended.empty() ? "" : ", ") + what; };
  if (link.name != interface.device) {
    TRY_VOID(rename(netlink, interface, device));
    say("its name, which was " + link.name);
  }
  if (const auto change = change_of(interface, link)) {
    TRY_VOID(netlink.apply({os::change_link(*change)}));
    if (change->mtu) say(fmt::format("MTU {}", interface.mtu));
    if (change->mac) say("MAC " + interface.mac.text());
    if (change->state) say("that it is up");
  }
  const Wiring there = TRY(read_wiring(netlink, interface, device));
  const Wiring lacking = missing(wiring_of(interface, device), there);
  if (lacking.empty()) return mended;
  if (interface.home == Home::Machine) TRY_VOID(netlink.apply(make_room(lacking, there)));
  TRY_VOID(netlink.apply(requests_of(lacking, interface.home)));
  say(text_of(lacking));
  return mended;
}

Result<Insides::Name> Insides::keep_name(const std::string& netns) {
  if (TRY(os::find_netns(netns))) return Name::Named;
  const auto held = held_.find(netns);
  if (held == held_.end()) return Name::Lost;
  const os::Fd place = TRY(held->second.netns());
  TRY_VOID(os::name_netns(place, netns));
  return Name::Restored;
}

}  // namespace weft::datapath
