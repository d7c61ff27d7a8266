// Traffic control: the ingress and clsact queueing disciplines and BPF programs on them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "os/netlink.h"

namespace weft::os {

enum class Hook { Ingress, Egress };

// Where a program stands; lower priorities run first.
struct FilterPlace {
  int link = 0;        // 0: in the block
  uint32_t block = 0;  // filters that several links share
  Hook hook = Hook::Ingress;
  uint16_t priority = 1;
  uint32_t handle = 1;
  auto operator<=>(const FilterPlace&) const = default;
};

// Gives the link both hooks. One that is there stays, with its filters. Before
// the link comes up: on one that is up, the kernel waits for an RCU grace period.
Request put_clsact(int link);
// Gives the link the ingress hook, with the filters of a block, that is there while
// any link shares it. A link of its own block costs the kernel time that grows with
// the number of links; one that shares costs nothing. Waits as put_clsact() does.
Request put_shared_ingress(int link, uint32_t block);
// Takes the hooks away, whichever of these they are, with all filters on them, also
// those of others.
Request remove_hooks(int link);

// A program loaded for the classifier type, in direct-action mode: its return
// value is the verdict. Replace exchanges the program, without a packet
// between the old and the new one. `name` is shown by `tc` and by read_filters.
Request put_filter(const FilterPlace& place, const Fd& program, const std::string& name, Create create);
Request remove_filter(const FilterPlace& place);
// Whatever stands at the place's priority, also of another kind.
Request clear_priority(const FilterPlace& place);

struct Filter {
  FilterPlace place;
  uint32_t program = 0;  // the kernel's id of the program
  std::string name;
  auto operator<=>(const Filter&) const = default;
};
// The BPF filters of a link, both hooks; other kinds are left out.
Result<std::vector<Filter>> read_filters(Netlink& netlink, int link);
// Those of a block, which must be there.
Result<std::vector<Filter>> read_block(Netlink& netlink, uint32_t block);
// The BPF filter that stands there.
Result<std::optional<Filter>> find_filter(Netlink& netlink, const FilterPlace& place);
// The block that the link shares. Absent: it shares none, or nothing stands at this
// priority in it.
Result<std::optional<uint32_t>> find_shared_block(Netlink& netlink, int link, uint16_t priority = 1);
// Filters of any kind at the hooks of a link.
enum class Hooks { Empty, InUse };
Result<Hooks> read_hooks(Netlink& netlink, int link);

}  // namespace weft::os
