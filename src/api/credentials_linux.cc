#include <sys/socket.h>

#include <cerrno>

#include "api/roles.h"
#include "os/unix_socket.h"

namespace weft::api {

Result<Credentials> credentials_of(int socket) {
  const ucred peer = TRY(os::peer_of(socket));
  Credentials credentials{.user = peer.uid, .groups = {}};
  // The supplementary groups (Linux 4.13); the call says how many there are.
  socklen_t size = 0;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size) != 0 && errno != ERANGE) {
    return base::errno_error("read the peer's groups", errno);
  }
  credentials.groups.resize(size / sizeof(gid_t));
  if (size != 0 && getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, credentials.groups.data(), &size) != 0) {
    return base::errno_error("read the peer's groups", errno);
  }
  credentials.groups.push_back(peer.gid);
  return credentials;
}

}  // namespace weft::api
