#include "node/trusted.h"

#include <unistd.h>

#include "os/unix_socket.h"

namespace weft::node {

Result<> check_peer(int socket) {
  const uid_t user = TRY(os::peer_user(socket));
  if (user == 0 || user == geteuid()) return {};
  return error(base::Code::Denied, "uid:{} has no part in this", user);
}

Result<os::Fd> connect_trusted(const std::string& path) {
  os::Fd socket = TRY(os::connect_unix(path));
  TRY_VOID(check_peer(socket.get()).within(path));
  return socket;
}

}  // namespace weft::node
