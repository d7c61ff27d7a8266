#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "base/text.h"
#include "os/unix_socket.h"

namespace weft::os {

using base::Code;
using base::errno_error;
using base::printable;

namespace {

// Connections that have not been accepted yet.
constexpr int kBacklog = 128;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return error(Code::Usage, "the socket's path {} is too long", printable(path));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

Result<Fd> make_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return errno_error("make a socket", errno);
  return socket;
}

Result<> make_way(const std::string& path) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) {
    return errno == ENOENT ? Result<>() : Result<>(errno_error("look at " + path, errno));
  }
  if (!S_ISSOCK(there.st_mode)) return error(Code::Conflict, "{} exists and is not a socket", printable(path));
  if (connect_unix(path).ok()) return error(Code::Conflict, "another weftd listens at {}", printable(path));
  if (::unlink(path.c_str()) != 0) return errno_error("remove " + path, errno);
  return {};
}

}  // namespace

Result<Fd> listen_unix(const std::string& path, mode_t mode) {
  const sockaddr_un address = TRY(address_of(path));
  TRY_VOID(make_way(path));
  Fd socket = TRY(make_socket());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_error("bind " + path, errno);
  }
  // Nobody can connect before it listens.
  if (::chmod(path.c_str(), mode) != 0) return errno_error("set the mode of " + path, errno);
  if (::listen(socket.get(), kBacklog) != 0) return errno_error("listen at " + path, errno);
  return socket;
}

Result<Fd> connect_unix(const std::string& path) {
  const sockaddr_un address = TRY(address_of(path));
  Fd socket = TRY(make_socket());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int fault = errno;
    Error refused = errno_error("connect to " + path, fault);
    refused.code = fault == EACCES || fault == EPERM ? Code::Denied : Code::Unavailable;
    return refused;
  }
  return socket;
}

Result<ucred> peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return errno_error("read the peer's credentials", errno);
  }
  return peer;
}

Result<> check_peer(int socket) {
  const uid_t user = TRY(peer_of(socket)).uid;
  if (user == 0 || user == ::geteuid()) return {};
  return error(Code::Denied, "uid:{} has no part in this", user);
}

Result<Fd> claim_name(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return error(Code::Usage, "{} is too long", printable(name));
  // A path that begins with NUL is no path.
  name.copy(address.sun_path + 1, name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  Fd claim(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!claim.valid()) return errno_error("open a socket", errno);
  if (::bind(claim.get(), reinterpret_cast<sockaddr*>(&address), size) == 0) return claim;
  if (errno == EADDRINUSE) return error(Code::Conflict, "somebody has {}", printable(name));
  return errno_error("take " + name, errno);
}

}  // namespace weft::os
