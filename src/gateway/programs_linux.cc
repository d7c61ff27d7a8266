#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/text.h"
#include "bpf/gateway_abi.h"
#include "bpf/map_linux.h"
#include "connect.skel.h"
#include "gateway/programs.h"
#include "os/file.h"
#include "uplink.skel.h"

namespace weft::gateway {

using base::errno_error;
using bpf::Map;
using net::Address;
using net::Prefix;

namespace {

using Tag = std::array<uint8_t, 8>;

int say_nothing(libbpf_print_level, const char*, va_list) { return 0; }

// Pins and names change with the layout: a program never meets a map of another.
std::string directory_of(const std::string& pins) {
  return fmt::format("{}/border-{}", pins, int{abi::GATEWAY_ABI_VERSION});
}

Result<Tag> tag_of(int program) {
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return errno_error("ask for a program's tag", errno);
  Tag tag;
  std::memcpy(tag.data(), info.tag, tag.size());
  return tag;
}

bool has_tag(uint32_t id, const Tag& tag) {
  const os::Fd program(bpf_prog_get_fd_by_id(id));
  if (!program.valid()) return false;
  const auto found = tag_of(program.get());
  return found.ok() && *found == tag;
}

Border::Kind kind_of(uint32_t kind) {
  switch (kind) {
    case abi::MACHINE_INSIDE: return Border::Kind::Inside;
    case abi::MACHINE_TNI: return Border::Kind::Tni;
    default: return Border::Kind::Outside;
  }
}
uint32_t kind_of(Border::Kind kind) {
  switch (kind) {
    case Border::Kind::Outside: return abi::MACHINE_OUTSIDE;
    case Border::Kind::Inside: return abi::MACHINE_INSIDE;
    case Border::Kind::Tni: return abi::MACHINE_TNI;
  }
  CHECK(false);
}

// Identifies the namespace that a socket made here is in, as the programs see it.
Result<uint64_t> netns_cookie() {
  const os::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket.valid() || getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) {
    return errno_error("ask for the namespace's cookie", errno);
  }
  return cookie;
}

Result<> pin_maps(bpf_object* object, const std::string& directory) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map)) continue;
    const std::string path = directory + "/" + bpf_map__name(map);
    if (bpf_map__set_pin_path(map, path.c_str()) != 0) return errno_error("pin " + path, errno);
  }
  return {};
}

template <class Load>
Result<> load_object(bpf_object* object, Load&& load) {
  std::string log(64 << 10, '\0');
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) bpf_program__set_log_buf(program, log.data(), log.size());
  const int fault = load();
  if (fault == 0) return {};
  log.resize(std::strlen(log.c_str()));
  return errno_error(log.substr(log.size() - std::min<size_t>(log.size(), 500)), -fault);
}

os::Fd duplicate(int fd) { return os::Fd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

abi::address address_of(const Address& address) {
  abi::address out;
  std::memcpy(out.bytes, address.bytes().data(), sizeof out.bytes);
  return out;
}
Address address_of(const abi::address& address) {
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), address.bytes, bytes.size());
  return Address::v6(bytes);
}
uint16_t swap(uint16_t port) { return static_cast<uint16_t>(port << 8 | port >> 8); }

abi::publication_key key_of(const Border::Door& door) {
  return {.address = address_of(door.address), .port = swap(door.port), .protocol = door.protocol, .zero = 0};
}
abi::routed_key key_of(const Prefix& range) {
  return {.prefix_length = range.mapped_length(), .address = address_of(range.first())};
}

struct Maps {
  explicit Maps(const uplink_bpf& object)
      : gateways("gateways", bpf_map__fd(object.maps.gateways)),
        chunks("port_chunks", bpf_map__fd(object.maps.port_chunks)),
        addresses("machine_addresses", bpf_map__fd(object.maps.machine_addresses)),
        doors("publications", bpf_map__fd(object.maps.publications)),
        routed("routed_ranges", bpf_map__fd(object.maps.routed_ranges)) {}
  Map<uint32_t, abi::gateway> gateways;
  Map<uint32_t, uint32_t> chunks;
  Map<abi::address, abi::machine_address> addresses;
  Map<abi::publication_key, abi::publication> doors;
  Map<abi::routed_key, abi::routed> routed;
};

}  // namespace

Programs::~Programs() {
  uplink_bpf__destroy(uplink_);
  connect_bpf__destroy(connect_);
}

Result<std::unique_ptr<Programs>> Programs::open(const std::string& pins) {
  libbpf_set_print(say_nothing);
  std::unique_ptr<Programs> programs(new Programs);
  TRY_VOID(programs->load(pins).within("load the programs of the machine's border"));
  return programs;
}

Result<> Programs::load(const std::string& pins) {
  pins_ = directory_of(pins);
  TRY_VOID(os::make_directories(pins_, 0700));
  uplink_ = uplink_bpf__open();
  connect_ = connect_bpf__open();
  if (uplink_ == nullptr || connect_ == nullptr) return errno_error("open", errno);
  connect_->rodata->machine_netns = TRY(netns_cookie());
  TRY_VOID(pin_maps(uplink_->obj, pins_));
  TRY_VOID(pin_maps(connect_->obj, pins_));
  TRY_VOID(load_object(uplink_->obj, [&] { return uplink_bpf__load(uplink_); }));
  TRY_VOID(load_object(connect_->obj, [&] { return connect_bpf__load(connect_); }));
  from_uplink_ = duplicate(bpf_program__fd(uplink_->progs.from_uplink));
  from_border_ = duplicate(bpf_program__fd(uplink_->progs.from_border));
  uplink_tag_ = TRY(tag_of(from_uplink_.get()));
  border_tag_ = TRY(tag_of(from_border_.get()));
  return {};
}

bool Programs::is_from_uplink(uint32_t id) const { return has_tag(id, uplink_tag_); }
bool Programs::is_from_border(uint32_t id) const { return has_tag(id, border_tag_); }

// That instance may be of another version: a map of another layout is passed over.
Result<std::vector<MachineFacts::Bound>> Programs::read_doors(uint32_t program) {
  std::vector<MachineFacts::Bound> doors;
  const os::Fd found(bpf_prog_get_fd_by_id(program));
  std::array<uint32_t, 64> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<uintptr_t>(ids.data());
  uint32_t size = sizeof info;
  // Gone meanwhile: then it publishes nothing.
  if (!found.valid() || bpf_obj_get_info_by_fd(found.get(), &info, &size) != 0) return doors;
  for (size_t i = 0; i < std::min<size_t>(info.nr_map_ids, ids.size()); ++i) {
    const os::Fd map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info shape{};
    size = sizeof shape;
    if (!map.valid() || bpf_obj_get_info_by_fd(map.get(), &shape, &size) != 0) continue;
    const bool is_doors = std::string_view(shape.name) == "publications" &&
                          shape.key_size == sizeof(abi::publication_key) &&
                          shape.value_size == sizeof(abi::publication);
    if (!is_doors) continue;
    const Map<abi::publication_key, abi::publication> rows("publications", map.get());
    for (const auto& [key, row] : TRY(rows.all())) {
      doors.push_back({key.protocol, address_of(key.address), swap(key.port)});
    }
  }
  return doors;
}

Result<Border> Programs::read_border() const {
  const Maps maps(*uplink_);
  Border border;
  const auto gateways = TRY(maps.gateways.array(abi::MOST_GATEWAYS));
  for (uint32_t slot = 0; slot < gateways.size(); ++slot) {
    if (gateways[slot].ifindex != 0) border.gateways[slot] = static_cast<int>(gateways[slot].ifindex);
  }
  const auto chunks = TRY(maps.chunks.array(abi::PORT_CHUNKS));
  for (uint32_t chunk = 0; chunk < chunks.size(); ++chunk) {
    if (chunks[chunk] != 0) border.chunks[chunk] = chunks[chunk];
  }
  for (const auto& [address, row] : TRY(maps.addresses.all())) {
    border.addresses[address_of(address)] = {kind_of(row.kind), static_cast<int>(row.exit)};
  }
  for (const auto& [key, row] : TRY(maps.doors.all())) {
    border.doors[{address_of(key.address), swap(key.port), key.protocol}] = {row.gateway, address_of(row.target),
                                                                             swap(row.target_port)};
  }
  for (const auto& [key, row] : TRY(maps.routed.all())) {
    border.routed[Prefix::of(address_of(key.address), key.prefix_length)] = {row.gateway, static_cast<int>(row.exit)};
  }
  return border;
}

Result<> Programs::fill(const Border& border) const {
  const Maps maps(*uplink_);
  for (const auto& [slot, index] : border.gateways) {
    if (index != 0) TRY_VOID(maps.gateways.put(slot, {static_cast<uint32_t>(index)}));
  }
  for (const auto& [chunk, slot] : border.chunks) TRY_VOID(maps.chunks.put(chunk, slot));
  for (const auto& [address, row] : border.addresses) {
    TRY_VOID(
        maps.addresses.put(address_of(address), {.kind = kind_of(row.kind), .exit = static_cast<uint32_t>(row.exit)}));
  }
  for (const auto& [door, behind] : border.doors) {
    TRY_VOID(maps.doors.put(key_of(door), {.gateway = behind.slot,
                                           .target = address_of(behind.target),
                                           .target_port = swap(behind.target_port),
                                           .zero = 0}));
  }
  for (const auto& [range, row] : border.routed) {
    TRY_VOID(maps.routed.put(key_of(range), {.gateway = row.slot, .exit = static_cast<uint32_t>(row.exit)}));
  }
  return {};
}

Result<> Programs::clear(const Border& border) const {
  const Maps maps(*uplink_);
  for (const auto& [door, behind] : border.doors) TRY_VOID(maps.doors.remove(key_of(door)));
  for (const auto& [chunk, slot] : border.chunks) TRY_VOID(maps.chunks.put(chunk, 0));
  for (const auto& [range, row] : border.routed) TRY_VOID(maps.routed.remove(key_of(range)));
  for (const auto& [address, row] : border.addresses) TRY_VOID(maps.addresses.remove(address_of(address)));
  for (const auto& [slot, index] : border.gateways) TRY_VOID(maps.gateways.put(slot, {}));
  return {};
}

Programs::Calls Programs::calls() const {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, connect_->obj) {
    const std::string path = pins_ + "/link-" + bpf_program__name(program);
    const os::Fd link(bpf_obj_get(path.c_str()));
    bpf_link_info info{};
    uint32_t size = sizeof info;
    if (!link.valid() || bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return Calls::Untouched;
    const auto own = tag_of(bpf_program__fd(program));
    // A link whose cgroup was removed holds on to nothing.
    if (!own.ok() || info.cgroup.cgroup_id == 0 || !has_tag(info.prog_id, *own)) return Calls::Untouched;
  }
  return Calls::Translated;
}

Result<> Programs::translate_calls(const os::Fd& cgroup) const {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, connect_->obj) {
    const std::string path = pins_ + "/link-" + bpf_program__name(program);
    const os::Fd made(
        bpf_link_create(bpf_program__fd(program), cgroup.get(), bpf_program__expected_attach_type(program), nullptr));
    if (!made.valid()) return errno_error(fmt::format("attach {} to the cgroup", bpf_program__name(program)), errno);
    // The old one goes with its pin, when the new one is there.
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + path, errno);
    if (bpf_obj_pin(made.get(), path.c_str()) != 0) return errno_error("pin " + path, errno);
  }
  return {};
}

Result<std::vector<std::string>> Programs::restore_pins() const {
  TRY_VOID(os::make_directories(pins_, 0700));
  std::vector<std::string> restored;
  // Both objects have the same maps.
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, uplink_->obj) {
    const char* path = bpf_map__pin_path(map);
    if (path == nullptr) continue;
    if (!TRY(bpf::keep_pinned(bpf_map__fd(map), path))) restored.emplace_back(bpf_map__name(map));
  }
  return restored;
}

Result<std::vector<uint64_t>> Programs::drops() const {
  const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  std::vector<uint64_t> sums(abi::BORDER_REASONS), each(cpus);
  for (uint32_t reason = 0; reason < sums.size(); ++reason) {
    if (bpf_map_lookup_elem(bpf_map__fd(uplink_->maps.border_drops), &reason, each.data()) != 0) {
      return errno_error("read the border's drops", errno);
    }
    for (const uint64_t count : each) sums[reason] += count;
  }
  return sums;
}

Result<> Programs::remove_pins(const std::string& pins) {
  const std::string directory = directory_of(pins);
  for (const auto& name : TRY(os::list_directory(directory))) {
    TRY_VOID(os::remove_file(directory + "/" + name));
  }
  if (rmdir(directory.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + directory, errno);
  return {};
}

}  // namespace weft::gateway
