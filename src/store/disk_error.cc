#include "store/disk_error.h"

#include <cerrno>

namespace weft::store {

using base::Code;
using base::error;

Error disk_full(std::string_view path) {
  return error(Code::Unavailable, "{}: the disk is full; nothing was written: free some space there and try again",
               path);
}

Error disk_read_only(std::string_view path) {
  return error(Code::Unavailable, "{}: read-only; nothing was written: make the file and its file system writable",
               path);
}

Error damaged(std::string_view path, std::string_view what) {
  return error(Code::Failed, "{}: damaged: {}; keep the file and its neighbours, check the disk, restore a backup",
               path, what);
}

Error disk_error(std::string_view path, int saved_errno) {
  switch (saved_errno) {
    case ENOSPC:
    case EDQUOT: return disk_full(path);
    case EROFS: return disk_read_only(path);
    default: return base::errno_error(path, saved_errno);
  }
}

}  // namespace weft::store
