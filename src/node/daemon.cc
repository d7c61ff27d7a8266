#include "node/daemon.h"

#include <filesystem>

#include "node/data_plane.h"
#include "os/file.h"

namespace weft::node {

namespace {

Result<> remove_control_plane(const Options& options) {
  TRY_VOID(os::make_directories(options.run_directory, 0755));
  const auto lock = TRY(os::FileLock::acquire(options.control_lock()).within("weftd still runs"));
  for (const std::string& path : {options.socket, options.feed_socket(), options.control_lock()}) {
    TRY_VOID(os::remove_file(path));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(boost::asio::io_context& loop, const Options& options) {
  switch (options.role) {
    case Role::All: return open_whole(loop, options);
    case Role::Control: return open_control(loop, options);
    case Role::Data: return open_data(loop, options);
  }
  CHECK(false);
}

Result<> remove_instance(const Options& options) {
  if (options.role != Role::Control) TRY_VOID(remove_data_plane(options));
  if (options.role != Role::Data) TRY_VOID(remove_control_plane(options));
  if (options.role != Role::All) return {};
  const std::filesystem::path run(options.run_directory);
  return os::remove_tree(run.parent_path().string(), run.filename().string());
}

}  // namespace weft::node
