// For tests: two sockets in two namespaces that talk, and what each is told when
// the network between them changes its mind.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>

#include "net/address.h"
#include "os/netns.h"

namespace weft::os {

struct Place {
  net::Address address;
  uint16_t port = 0;
};

class Conversation {
 public:
  static constexpr int kPatience = 20'000;  // milliseconds

  // The server waits at `at`; the client calls `called`, and both have spoken.
  static Result<Conversation> start(int type, const Fd& client_netns, const Place& called, const Fd& server_netns,
                                    const Place& at, int milliseconds = kPatience) {
    Conversation made;
    Fd waiting = TRY(inside_netns(server_netns, [&]() -> Result<Fd> {
      Fd fd = socket_of(type, at, milliseconds);
      const int yes = 1;
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      const Bytes place(at);
      if (bind(fd.get(), place.get(), place.size) != 0) return base::errno_error("bind", errno);
      if (type == SOCK_STREAM && listen(fd.get(), 1) != 0) return base::errno_error("listen", errno);
      return fd;
    }));
    made.client = TRY(inside_netns(client_netns, [&]() -> Result<Fd> {
      Fd fd = socket_of(type, called, milliseconds);
      const Bytes place(called);
      if (connect(fd.get(), place.get(), place.size) != 0) return base::errno_error("connect", errno);
      return fd;
    }));
    if (type == SOCK_STREAM) {
      if (!ready(waiting, POLLIN)) return base::error(base::Code::Failed, "nobody called");
      waiting = Fd(accept4(waiting.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    made.server = std::move(waiting);
    if (!say(made.client) || !ready(made.server, POLLIN)) return base::error(base::Code::Failed, "nothing arrives");
    char byte;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    if (recvfrom(made.server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size) != 1) {
      return base::errno_error("hear", errno);
    }
    if (type == SOCK_DGRAM && connect(made.server.get(), reinterpret_cast<sockaddr*>(&from), size) != 0) {
      return base::errno_error("answer", errno);
    }
    if (!say(made.server) || !ready(made.client, POLLIN) || recv(made.client.get(), &byte, 1, 0) != 1) {
      return base::error(base::Code::Failed, "no answer arrives");
    }
    return made;
  }

  // Something gets through, both ways, sooner or later.
  bool goes_on(int milliseconds = kPatience) const {
    return passes(client, server, milliseconds) && passes(server, client, milliseconds);
  }

  static bool say(const Fd& fd) { return send(fd.get(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1; }

  // The errno that the end was told, 0 if nothing came.
  static int told(const Fd& fd) {
    if (!ready(fd, POLLERR)) return 0;
    int fault = 0;
    socklen_t size = sizeof fault;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &fault, &size);
    return fault;
  }
  static bool heard(const Fd& fd, int milliseconds = kPatience) { return ready(fd, POLLIN, milliseconds); }

  Fd client, server;

 private:
  struct Bytes {
    explicit Bytes(const Place& place) {
      if (place.address.is_v4()) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&bytes);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(place.port);
        v4->sin_addr.s_addr = htonl(place.address.v4_host_order());
        size = sizeof *v4;
      } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&bytes);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(place.port);
        std::memcpy(&v6->sin6_addr, place.address.bytes().data(), 16);
        size = sizeof *v6;
      }
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
    sockaddr_storage bytes{};
    socklen_t size = 0;
  };
  static Fd socket_of(int type, const Place& place, int milliseconds) {
    Fd fd(socket(place.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
  }
  static bool passes(const Fd& from, const Fd& to, int milliseconds) {
    char byte;
    return say(from) && ready(to, POLLIN, milliseconds) && recv(to.get(), &byte, 1, 0) == 1;
  }
  static bool ready(const Fd& fd, short what, int milliseconds = kPatience) {
    pollfd wait{.fd = fd.get(), .events = what, .revents = 0};
    return poll(&wait, 1, milliseconds) == 1 && (wait.revents & what) != 0;
  }
};

}  // namespace weft::os
