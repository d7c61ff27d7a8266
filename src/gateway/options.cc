#include "gateway/options.h"

#include "base/text.h"

namespace weft::gateway {

namespace {

// A number and nothing after it: other instances' names begin alike.
bool is_slot(std::string_view text) { return base::parse_number(text, 1, 9999).ok(); }

}  // namespace

Options Options::of(std::string_view instance) {
  Options options;
  if (instance.empty()) return options;
  options.netns_prefix = fmt::format("weft-{}-gw-", instance);
  options.device_prefix = fmt::format("wf{:06x}-gw", fingerprint_of(instance) & 0xffffff);
  options.machine_device = fmt::format("wf-{}", instance.substr(0, 12));
  return options;
}

std::string Options::netns_of(const model::VpcId& vpc) const {
  return netns_prefix + vpc.text.substr(vpc.text.find('-') + 1);
}
std::string Options::device_of(uint32_t slot) const { return fmt::format("{}{}", device_prefix, slot); }

bool Options::is_netns(std::string_view name) const {
  return name.starts_with(netns_prefix) && name.size() == netns_prefix.size() + 16 &&
         base::is_hex(name.substr(netns_prefix.size()));
}
bool Options::is_device(std::string_view name) const {
  return name.starts_with(device_prefix) && is_slot(name.substr(device_prefix.size()));
}

uint32_t Options::handle() const { return static_cast<uint32_t>(fingerprint_of(device_prefix)) | 1; }

uint64_t fingerprint_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : text) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace weft::gateway
