// What a failed system call on a file of the store means for the user.
#pragma once

#include <string_view>

#include "base/result.h"

namespace weft::store {

Error disk_full(std::string_view path);
Error disk_read_only(std::string_view path);
Error damaged(std::string_view path, std::string_view what);

// Unavailable for a full or read-only disk, Failed for the rest.
Error disk_error(std::string_view path, int saved_errno);

}  // namespace weft::store
