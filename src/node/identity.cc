#include "node/identity.h"

#include <grp.h>
#include <unistd.h>

#include "os/clock.h"

namespace weft::node {

constexpr const char* kVersion = "0.1.0";

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

api::Roles usual_roles() {
  const group* found = getgrnam("weft");
  return {.admins = found == nullptr ? std::nullopt : std::optional(found->gr_gid), .users = {}, .groups = {}};
}

api::Identity identity_of(const Options& options, const model::MachineId& machine) {
  return {.instance = options.names().base(),
          .version = kVersion,
          .service = options.service(),
          .machine = machine,
          .started = os::now_wall()};
}

}  // namespace weft::node
