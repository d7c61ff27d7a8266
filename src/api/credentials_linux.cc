#include <sys/socket.h>

#include <cerrno>

#include "api/roles.h"

namespace weft::api {

Result<Credentials> credentials_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return base::errno_error("read the peer's credentials", errno);
  }
  Credentials credentials{.user = peer.uid, .groups = {}};
  // The supplementary groups (Linux 4.13); the call says how many there are.
  size = 0;
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
