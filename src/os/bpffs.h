// The file system in which BPF objects are pinned.
#pragma once

#include <string>

#include "base/result.h"

namespace weft::os {

// Afterwards `path` lies in a bpffs; one that is there already is kept.
Result<> mount_bpffs(const std::string& path);
// Unmounts what is mounted at `path` itself; nothing mounted counts as done.
Result<> unmount_bpffs(const std::string& path);

}  // namespace weft::os
