#include "diagnosis/surroundings.h"

namespace weft::diagnosis {

const Surroundings::Door* Surroundings::find_door(const net::Address& address, uint8_t protocol, uint16_t port) const {
  const Door* of_all = nullptr;
  for (const Door& door : doors) {
    if (door.family != address.family() || door.protocol != protocol || door.port != port) continue;
    if (door.address == address) return &door;
    if (!door.address) of_all = &door;
  }
  return of_all;
}

}  // namespace weft::diagnosis
