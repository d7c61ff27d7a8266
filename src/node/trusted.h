// The planes meet over sockets of the run directory, and only as one user or root.
#pragma once

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace weft::node {

Result<os::Fd> connect_trusted(const std::string& path);

}  // namespace weft::node
