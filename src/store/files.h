// The files of a store and how they come to be: the database, SQLite's
// write-ahead log beside it, the high mark, and a database in the making.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace weft::store {

std::string wal_path(const std::string& path);
std::string mark_path(const std::string& path);
std::string unfinished_path(const std::string& path);

// Whether there is a store to open: NotFound if there is none, Failed if there are only parts of one.
Result<> check_files(const std::string& path);

// Lets `build` fill an empty file and then gives it its name, so that the file is there whole or not at all. Conflict
// if there is one already, Failed if remains say that there was one. One caller at a time in a directory.
Result<> create_file(const std::string& path, const std::function<Result<>(const std::string& unfinished)>& build);

}  // namespace weft::store
