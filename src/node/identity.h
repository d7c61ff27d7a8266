// Who this weftd is, for whom it answers.
#pragma once

#include "api/backend.h"
#include "api/roles.h"
#include "node/options.h"

namespace weft::node {

api::Identity identity_of(const Options& options, const model::MachineId& machine);
std::string host_name();
// Root and the members of the group weft.
api::Roles usual_roles();

}  // namespace weft::node
