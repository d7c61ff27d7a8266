#include "api/allocate.h"

#include <algorithm>
#include <charconv>

#include "api/resolve.h"
#include "base/text.h"

namespace weft::api {

using base::Code;
using net::Address;
using net::Prefix;

namespace {

constexpr unsigned kDefaultBlock = 24;
constexpr unsigned kSmallBlock = 28;

bool is_default(const Draft& draft, const model::Subnet& subnet) {
  return subnet.name == kDefaultName && draft.get(subnet.vpc).name == kDefaultName;
}

// What of a block is handed out. In the default subnet .1 is the machine, and .0
// and .255 are left alone: some software takes them for a network and a broadcast.
struct Range {
  Address first;
  Address last;
};
Range usable(const Draft& draft, const model::Subnet& subnet, const Prefix& block) {
  if (is_default(draft, subnet)) return {block.first().plus(2), block.first().plus(block.size() - 2)};
  return {block.first(), block.last()};
}

std::vector<Prefix> own_blocks(const Draft& draft, const model::Subnet& subnet) {
  std::vector<Prefix> blocks;
  for (const model::BlockId& id : draft.blocks_of(subnet.id)) {
    const model::Block& block = draft.get(id);
    if (block.machine == draft.around().machine) blocks.push_back(block.range);
  }
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

bool may_take(const Draft& draft, const model::Subnet& subnet, const Address& address) {
  return !model::is_reserved(subnet.cidr, address) && draft.is_free(subnet.vpc, address);
}

std::optional<Address> free_in(const Draft& draft, const model::Subnet& subnet, const Prefix& block,
                               const Address& from) {
  const Range range = usable(draft, subnet, block);
  for (Address at = std::max(range.first, from); at <= range.last; at = at.plus(1)) {
    if (may_take(draft, subnet, at)) return at;
  }
  return std::nullopt;
}

// From the cursor to the end, then from the beginning.
std::optional<Address> search(const Draft& draft, const model::Subnet& subnet, const std::vector<Prefix>& blocks) {
  const auto cursor = draft.around().cursors.find(subnet.id);
  const Address from = cursor == draft.around().cursors.end() ? Address::v4(0) : cursor->second;
  for (const Address& start : {from, Address::v4(0)}) {
    for (const Prefix& block : blocks) {
      if (block.last() < start) continue;
      if (const auto found = free_in(draft, subnet, block, start)) return found;
    }
  }
  return std::nullopt;
}

// The first range of the subnet that nobody leases and that has a free address.
std::optional<Prefix> unleased(const Draft& draft, const model::Subnet& subnet) {
  std::vector<Prefix> leased;
  for (const model::BlockId& id : draft.blocks_of(subnet.id)) leased.push_back(draft.get(id).range);
  std::sort(leased.begin(), leased.end());
  const unsigned length = block_length(draft, subnet);
  const uint64_t size = uint64_t{1} << (32 - length);
  const uint64_t begin = is_default(draft, subnet) ? size : 0;  // 10.210.1.0 is the first
  size_t next = 0;
  for (uint64_t offset = begin; offset < subnet.cidr.size(); offset += size) {
    const Prefix block = Prefix::of(subnet.cidr.first().plus(offset), length);
    while (next < leased.size() && leased[next].last() < block.first()) ++next;
    if (next < leased.size() && leased[next].overlaps(block)) continue;
    if (free_in(draft, subnet, block, block.first())) return block;
  }
  return std::nullopt;
}

}  // namespace

unsigned block_length(const Draft& draft, const model::Subnet& subnet) {
  if (is_default(draft, subnet)) return kDefaultBlock;
  return subnet.cidr.length() <= 24 ? kSmallBlock : 32;
}

Result<Address> take_address(Draft& draft, const model::Subnet& subnet) {
  auto found = search(draft, subnet, own_blocks(draft, subnet));
  if (!found) {
    const auto block = unleased(draft, subnet);
    if (!block) {
      return Error{.code = Code::Limit,
                   .what = fmt::format("subnet {} has no free address (a freed one rests for {})", subnet.name,
                                       base::format_duration(model::kAddressRest)),
                   .field = "subnet",
                   .holder = subnet.id.text};
    }
    draft.put(model::Block{
        .id = draft.make_id<model::Block>(), .subnet = subnet.id, .machine = draft.around().machine, .range = *block});
    found = free_in(draft, subnet, *block, block->first());
  }
  CHECK(found.has_value());
  draft.around().cursors[subnet.id] = found->plus(1);
  return *found;
}

Result<std::optional<Address>> take_address6(Draft& draft, const model::Subnet& subnet, const Address& ip) {
  if (!subnet.cidr6) return std::optional<Address>();
  const uint64_t offset = ip.v4_host_order() - subnet.cidr.first().v4_host_order();
  const auto usable6 = [&](const Address& address) {
    return !model::is_reserved(*subnet.cidr6, address) && draft.is_free(subnet.vpc, address);
  };
  const Address beside = subnet.cidr6->first().plus(offset);
  if (usable6(beside)) return std::optional(beside);
  // Somebody named that one for another interface: far away from where they are made.
  for (int attempt = 0; attempt < 16; ++attempt) {
    const Address random = subnet.cidr6->first().plus(draft.around().rng.next() | (uint64_t{1} << 40));
    if (usable6(random)) return std::optional(random);
  }
  return Error{.code = Code::Limit, .what = "no free IPv6 address was found", .field = "ip6", .holder = subnet.id.text};
}

void release_address(Draft& draft, const model::Subnet& subnet, const Address& ip) {
  for (const model::BlockId& id : draft.blocks_of(subnet.id)) {
    if (draft.get(id).range == Prefix::host(ip)) draft.remove(id);
  }
}

Prefix make_range6(base::Rng& rng) {
  std::array<uint8_t, 16> bytes{};
  do {
    const uint64_t random = rng.next();
    bytes[0] = 0xfd;
    for (size_t i = 1; i < 7; ++i) bytes[i] = static_cast<uint8_t>(random >> (8 * i));
  } while (bytes[1] == 0x00 && bytes[2] == 0xec);  // fd00:ec2::/32 answers DNS and metadata
  return Prefix::of(Address::v6(bytes), 56);
}

Result<std::optional<Prefix>> take_range6(const Draft& draft, const model::Vpc& vpc) {
  if (!vpc.cidr6) return std::optional<Prefix>();
  std::vector<Prefix> taken;
  for (const model::SubnetId& id : draft.subnets_of(vpc.id)) {
    if (const auto& range = draft.get(id).cidr6) taken.push_back(*range);
  }
  const auto is_free = [&](const Prefix& range) {
    return std::none_of(taken.begin(), taken.end(), [&](const Prefix& other) { return other.overlaps(range); });
  };
  // One more than there are taken is enough to find a free one, where there is one.
  const uint64_t count = vpc.cidr6->length() > 64 ? 0 : uint64_t{1} << std::min(64 - vpc.cidr6->length(), 32u);
  auto bytes = vpc.cidr6->first().bytes();
  for (uint64_t i = 0; i < std::min<uint64_t>(count, taken.size() + 1); ++i) {
    auto here = bytes;
    uint64_t carry = i;
    for (size_t at = 8; at-- > 0 && carry != 0;) {
      carry += here[at];
      here[at] = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    const Prefix range = Prefix::of(Address::v6(here), 64);
    if (is_free(range)) return std::optional(range);
  }
  return Error{.code = Code::Limit,
               .what = fmt::format("the IPv6 range of VPC {} has no free /64", vpc.name),
               .field = "cidr6",
               .holder = vpc.id.text};
}

net::Mac mac_of(const model::TniId& id) {
  uint64_t number = 0;
  const std::string_view digits = std::string_view(id.text).substr(id.text.find('-') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  net::Mac mac;
  for (size_t i = 0; i < 6; ++i) mac.bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & 0xfc) | 0x02);
  return mac;
}

}  // namespace weft::api
