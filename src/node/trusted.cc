#include "node/trusted.h"

#include "os/unix_socket.h"

namespace weft::node {

Result<os::Fd> connect_trusted(const std::string& path) {
  os::Fd socket = TRY(os::connect_unix(path));
  TRY_VOID(os::check_peer(socket.get()).within(path));
  return socket;
}

}  // namespace weft::node
