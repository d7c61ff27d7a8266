#include "datapath/interface.h"

#include <charconv>

#include "base/check.h"
#include "base/fingerprint.h"
#include "base/text.h"
#include "bpf/abi.h"

namespace weft::datapath {

namespace {

// Of several texts.
class Hash {
 public:
  void add(std::string_view bytes) {
    // What ends each keeps "ab" + "c" from being "a" + "bc".
    value_ = base::fingerprint_of("\xff", base::fingerprint_of(bytes, value_));
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = base::kNoFingerprint;
};

}  // namespace

std::string Interface::fingerprint() const {
  Hash hash;
  for (const std::string& part : {tni.text, workload.text, netns, machine_side, device, mac.text(), cidr.text(),
                                  cidr6 ? cidr6->text() : std::string(), std::to_string(mtu)}) {
    hash.add(part);
  }
  for (const net::Address& address : addresses) hash.add(address.text());
  return base::hex64(hash.value());
}

std::optional<Interface> compile_interface(const model::State& state, const model::MachineId& self, const Names& names,
                                           const model::Tni& tni) {
  const model::Workload* workload = tni.workload.empty() ? nullptr : state.find(tni.workload);
  if (workload == nullptr || workload->machine != self) return std::nullopt;
  const model::Subnet& subnet = state.get(tni.subnet);
  const bool machine = workload->kind == model::WorkloadKind::Machine;
  return Interface{.tni = tni.id,
                   .workload = workload->id,
                   .home = machine ? Home::Machine : Home::Workload,
                   .netns = machine ? std::string() : names.netns_of(workload->id),
                   .machine_side = names.machine_side_of(tni.id),
                   .device = machine ? names.machine_device() : "eth" + std::to_string(tni.device),
                   .position = tni.device,
                   .mac = tni.mac,
                   .addresses = tni.addresses(),
                   .cidr = subnet.cidr,
                   .cidr6 = tni.ip6 ? subnet.cidr6 : std::nullopt};
}

uint32_t salt_of(const model::Tni& tni) {
  Hash hash;
  hash.add(tni.id.text);
  hash.add(std::to_string(tni.epoch));
  for (const net::Address& address : tni.addresses()) hash.add(address.text());
  const auto salt = static_cast<uint32_t>(hash.value() ^ (hash.value() >> 32));
  return salt == 0 ? 1 : salt;
}

uint32_t internet_of(const model::Vpc& vpc) {
  return (model::leads_out(vpc, net::Family::V4) ? uint32_t{abi::INTERNET_V4} : 0) |
         (model::leads_out(vpc, net::Family::V6) ? uint32_t{abi::INTERNET_V6} : 0);
}

uint32_t version_of_ranges(const model::Vpc& vpc) {
  Hash hash;
  for (const net::Prefix& range : vpc.cidrs) hash.add(range.text());
  if (vpc.cidr6) hash.add(vpc.cidr6->text());
  return static_cast<uint32_t>(hash.value() ^ (hash.value() >> 32));
}

}  // namespace weft::datapath
