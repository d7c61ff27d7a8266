#include "gateway/options.h"

#include "base/fingerprint.h"
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
  options.table = fmt::format("weft-{}", instance);
  options.device_prefix = fmt::format("wf{:06x}-gw", base::fingerprint_of(instance) & 0xffffff);
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

bool Options::is_of_any(std::string_view name) {
  if (name == "weft0" || name.starts_with("wf-")) return true;
  const size_t slot = name.rfind("-gw");
  if (slot == std::string_view::npos || !is_slot(name.substr(slot + 3))) return false;
  const std::string_view begin = name.substr(0, slot);
  return begin == "weft" || (begin.size() == 8 && begin.starts_with("wf") && base::is_hex(begin.substr(2)));
}

uint32_t Options::handle() const { return static_cast<uint32_t>(base::fingerprint_of(device_prefix)) | 1; }

}  // namespace weft::gateway
