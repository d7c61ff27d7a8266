#include "os/netlink_tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "os/netlink_message.h"

namespace weft::os {

namespace {

constexpr uint32_t parent_of(Hook hook) {
  return TC_H_MAKE(TC_H_CLSACT, hook == Hook::Ingress ? uint32_t{TC_H_MIN_INGRESS} : uint32_t{TC_H_MIN_EGRESS});
}

void put_place(tcmsg& head, const FilterPlace& place) {
  const bool shared = place.block != 0;
  head.tcm_ifindex = shared ? static_cast<int>(TCM_IFINDEX_MAGIC_BLOCK) : place.link;
  head.tcm_parent = shared ? place.block : parent_of(place.hook);  // tcm_block_index
}

void put_filter_message(Message& message, const FilterPlace& place) {
  auto& head = message.header<tcmsg>();
  put_place(head, place);
  head.tcm_handle = place.handle;
  head.tcm_info = TC_H_MAKE(uint32_t{place.priority} << 16, htons(ETH_P_ALL));
  message.put_text(TCA_KIND, "bpf");
}

std::string text_of(const FilterPlace& place) {
  if (place.block != 0) return fmt::format("filter {}/{} in block {}", place.priority, place.handle, place.block);
  return fmt::format("filter {}/{} at the {} of link {}", place.priority, place.handle,
                     place.hook == Hook::Ingress ? "ingress" : "egress", place.link);
}

std::optional<Filter> parse_filter(const nlmsghdr& message, FilterPlace place) {
  const auto* head = header_of<tcmsg>(message);
  if (head == nullptr || message.nlmsg_type != RTM_NEWTFILTER) return std::nullopt;
  const auto attributes = Attributes::after<tcmsg>(message);
  const auto options = attributes.nest(TCA_OPTIONS);
  // A filter's head, which has no program, comes before the filter.
  if (attributes.text(TCA_KIND) != "bpf" || !options.has(TCA_BPF_ID)) return std::nullopt;
  place.priority = static_cast<uint16_t>(TC_H_MAJ(head->tcm_info) >> 16);
  place.handle = head->tcm_handle;
  return Filter{.place = place, .program = options.u32(TCA_BPF_ID).value_or(0), .name = options.text(TCA_BPF_NAME)};
}

// Of every priority, or of one.
Request dump_filters(const FilterPlace& place, uint16_t priority = 0) {
  Message message(RTM_GETTFILTER, NLM_F_DUMP);
  auto& head = message.header<tcmsg>();
  put_place(head, place);
  head.tcm_info = TC_H_MAKE(uint32_t{priority} << 16, 0);
  return message.request(place.block != 0 ? fmt::format("read filters of block {}", place.block)
                                          : fmt::format("read filters of link {}", place.link));
}

Result<std::vector<Filter>> read_place(Netlink& netlink, const FilterPlace& place) {
  return read_rows<Filter>(netlink, dump_filters(place), [&](const nlmsghdr& row) { return parse_filter(row, place); });
}

// TC_H_INGRESS is TC_H_CLSACT: a link has one or the other.
tcmsg& put_hooks_message(Message& message, int link) {
  auto& head = message.header<tcmsg>();
  head.tcm_ifindex = link;
  head.tcm_parent = TC_H_CLSACT;
  return head;
}

}  // namespace

Request put_clsact(int link) {
  Message message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  put_hooks_message(message, link).tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  message.put_text(TCA_KIND, "clsact");
  return message.request(fmt::format("add the hooks of link {}", link), {EEXIST});
}

Request put_shared_ingress(int link, uint32_t block) {
  Message message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  put_hooks_message(message, link).tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  message.put_text(TCA_KIND, "ingress");
  message.put_u32(TCA_INGRESS_BLOCK, block);
  return message.request(fmt::format("let link {} share the filters of block {}", link, block), {EEXIST});
}

Request remove_hooks(int link) {
  Message message(RTM_DELQDISC, 0);
  put_hooks_message(message, link);
  // EINVAL, ENOENT: the link has no hooks.
  return message.request(fmt::format("remove the hooks of link {}", link), {EINVAL, ENOENT, ENODEV});
}

Request put_filter(const FilterPlace& place, const Fd& program, const std::string& name, Create create) {
  Message message(RTM_NEWTFILTER, static_cast<uint16_t>(NLM_F_CREATE | (create == Create::Exclusive ? NLM_F_EXCL : 0)));
  put_filter_message(message, place);
  message.nest(TCA_OPTIONS, [&] {
    message.put_u32(TCA_BPF_FD, static_cast<uint32_t>(program.get()));
    message.put_text(TCA_BPF_NAME, name);
    message.put_u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  });
  return message.request("add " + text_of(place));
}

Request remove_filter(const FilterPlace& place) {
  Message message(RTM_DELTFILTER, 0);
  put_filter_message(message, place);
  // EINVAL: the link has no hooks.
  return message.request("remove " + text_of(place), {ENOENT, ENODEV, EINVAL});
}

Request clear_priority(const FilterPlace& place) {
  Message message(RTM_DELTFILTER, 0);
  auto& head = message.header<tcmsg>();
  put_place(head, place);
  head.tcm_info = TC_H_MAKE(uint32_t{place.priority} << 16, 0);
  return message.request("clear " + text_of(place), {ENOENT, ENODEV, EINVAL});
}

Result<std::vector<Filter>> read_filters(Netlink& netlink, int link) {
  auto filters = TRY(read_place(netlink, {.link = link, .hook = Hook::Ingress}));
  const auto egress = TRY(read_place(netlink, {.link = link, .hook = Hook::Egress}));
  filters.insert(filters.end(), egress.begin(), egress.end());
  return filters;
}

Result<std::vector<Filter>> read_block(Netlink& netlink, uint32_t block) {
  return read_place(netlink, {.block = block});
}

Result<std::optional<Filter>> find_filter(Netlink& netlink, const FilterPlace& place) {
  Message message(RTM_GETTFILTER, 0);
  put_filter_message(message, place);
  std::optional<Filter> found;
  // EINVAL: no hooks, or something of another kind stands there.
  const auto request = message.request("read " + text_of(place), {ENOENT, EINVAL, ENODEV});
  TRY(netlink.ask(request, [&](const nlmsghdr& answer) {
    if (auto filter = parse_filter(answer, place)) found = std::move(filter);
  }));
  return found;
}

// Asking for the hooks themselves would tell every listener of them, as a change.
// Filters that are shared are told with their block.
Result<std::optional<uint32_t>> find_shared_block(Netlink& netlink, int link, uint16_t priority) {
  std::optional<uint32_t> block;
  TRY(netlink.ask(dump_filters({.link = link}, priority), [&](const nlmsghdr& row) {
    const auto* head = header_of<tcmsg>(row);
    if (head == nullptr || row.nlmsg_type != RTM_NEWTFILTER) return;
    if (static_cast<uint32_t>(head->tcm_ifindex) == TCM_IFINDEX_MAGIC_BLOCK) block = head->tcm_parent;
  }));
  return block;
}

Result<Hooks> read_hooks(Netlink& netlink, int link) {
  Hooks hooks = Hooks::Empty;
  for (const Hook hook : {Hook::Ingress, Hook::Egress}) {
    TRY(netlink.ask(dump_filters({.link = link, .hook = hook}), [&](const nlmsghdr& row) {
      if (row.nlmsg_type == RTM_NEWTFILTER) hooks = Hooks::InUse;
    }));
  }
  return hooks;
}

}  // namespace weft::os
