// For system tests: somebody who answers in one namespace, and a call to him from
// another.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "net/address.h"
#include "os/fd.h"
#include "os/netns.h"

namespace weft::gateway::testing {

enum class Kind { Tcp, Udp };
struct Target {
  std::string address;
  uint16_t port;
  Kind kind = Kind::Tcp;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  static SocketAddress of(const std::string& text, uint16_t port) {
    SocketAddress out;
    auto* six = reinterpret_cast<sockaddr_in6*>(&out.storage);
    auto* four = reinterpret_cast<sockaddr_in*>(&out.storage);
    if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
      four->sin_family = AF_INET;
      four->sin_port = htons(port);
      out.size = sizeof *four;
    } else {
      EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &six->sin6_addr), 1) << text;
      six->sin6_family = AF_INET6;
      six->sin6_port = htons(port);
      out.size = sizeof *six;
    }
    return out;
  }
  int family() const { return storage.ss_family; }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  std::string text() const {
    char out[INET6_ADDRSTRLEN] = {};
    const auto* six = reinterpret_cast<const sockaddr_in6*>(&storage);
    const auto* four = reinterpret_cast<const sockaddr_in*>(&storage);
    const void* bytes = family() == AF_INET ? static_cast<const void*>(&four->sin_addr) : &six->sin6_addr;
    inet_ntop(family(), bytes, out, sizeof out);
    return out;
  }
  uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port); }
};

inline os::Fd socket_in(const os::Fd& netns, int family, Kind kind) {
  const auto inside = os::InsideNetns::enter(netns);
  EXPECT_TRUE(inside.ok());
  return os::Fd(::socket(family, (kind == Kind::Tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
}

inline bool wait_for(const os::Fd& socket, short what, int milliseconds) {
  pollfd waiting{socket.get(), what, 0};
  return poll(&waiting, 1, milliseconds) > 0;
}

// Answers each call with its name and the caller's address: "outside 192.0.2.10".
// Port 0 is any that is free.
class Answerer {
 public:
  Answerer(const os::Fd& netns, std::string name, const Target& at) : name_(std::move(name)), kind_(at.kind) {
    auto address = SocketAddress::of(at.address, at.port);
    socket_ = socket_in(netns, address.family(), kind_);
    const int on = 1;
    setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.family() == AF_INET6) setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    EXPECT_EQ(bind(socket_.get(), address.get(), address.size), 0) << at.address << ": " << strerror(errno);
    EXPECT_EQ(kind_ == Kind::Tcp ? listen(socket_.get(), 16) : 0, 0);
    EXPECT_EQ(getsockname(socket_.get(), address.get(), &address.size), 0);
    port_ = address.port();
    thread_ = std::thread([this] { run(); });
  }
  ~Answerer() {
    stop_ = true;
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  void run() {
    while (!stop_) {
      if (!wait_for(socket_, POLLIN, 20)) continue;
      SocketAddress caller;
      if (kind_ == Kind::Tcp) {
        const os::Fd connection(accept(socket_.get(), caller.get(), &caller.size));
        const std::string answer = name_ + " " + caller.text();
        send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      } else {
        char request[64];
        recvfrom(socket_.get(), request, sizeof request, 0, caller.get(), &caller.size);
        const std::string answer = name_ + " " + caller.text();
        sendto(socket_.get(), answer.data(), answer.size(), 0, caller.get(), caller.size);
      }
    }
  }

  std::string name_;
  Kind kind_;
  uint16_t port_ = 0;
  os::Fd socket_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

enum class Expect { Answer, Silence };

// What the other side answers, "refused" or "silence". `peer` is what the caller's
// socket believes to be connected to.
struct Called {
  std::string answer;
  std::string peer;
};

inline Called call_connected(const os::Fd& netns, const Target& target, Expect expect = Expect::Answer) {
  const int patience = expect == Expect::Answer ? 5000 : 300;
  auto to = SocketAddress::of(target.address, target.port);
  const os::Fd socket = socket_in(netns, to.family(), target.kind);
  // Without blocking, so that a drop costs no more than the patience.
  int refused = 0;
  socklen_t size = sizeof refused;
  const int flags = fcntl(socket.get(), F_GETFL);
  fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK);
  if (connect(socket.get(), to.get(), to.size) != 0 && errno != EINPROGRESS) return {"refused", ""};
  if (target.kind == Kind::Tcp && !wait_for(socket, POLLOUT, patience)) return {"silence", ""};
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &refused, &size);
  if (refused != 0) return {"refused", ""};
  SocketAddress peer;
  getpeername(socket.get(), peer.get(), &peer.size);
  if (target.kind == Kind::Udp) send(socket.get(), "?", 1, MSG_NOSIGNAL);
  if (!wait_for(socket, POLLIN, patience)) return {"silence", peer.text()};
  char answer[128];
  const ssize_t got = recv(socket.get(), answer, sizeof answer, 0);
  return {got > 0 ? std::string(answer, static_cast<size_t>(got)) : "refused", peer.text()};
}

// A TCP connection that stays open, to see what it outlives. `to` is what is called,
// `at` where it is answered.
class Call {
 public:
  Call(const os::Fd& caller, const os::Fd& answerer, const Target& to, const Target& at) {
    auto bound = SocketAddress::of(at.address, at.port), called = SocketAddress::of(to.address, to.port);
    const os::Fd listening = socket_in(answerer, bound.family(), Kind::Tcp);
    const int on = 1;
    setsockopt(listening.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(bind(listening.get(), bound.get(), bound.size), 0) << strerror(errno);
    EXPECT_EQ(listen(listening.get(), 1), 0);
    calls_ = socket_in(caller, called.family(), Kind::Tcp);
    fcntl(calls_.get(), F_SETFL, fcntl(calls_.get(), F_GETFL) | O_NONBLOCK);
    static_cast<void>(connect(calls_.get(), called.get(), called.size));
    if (wait_for(listening, POLLIN, 10'000)) answers_ = os::Fd(accept(listening.get(), nullptr, nullptr));
  }
  // Something gets through, both ways, sooner or later.
  bool goes_on() const { return answers_.valid() && passes(calls_, answers_) && passes(answers_, calls_); }

 private:
  static bool passes(const os::Fd& from, const os::Fd& to) {
    char byte = 'x';
    return send(from.get(), &byte, 1, MSG_NOSIGNAL) == 1 && wait_for(to, POLLIN, 20'000) &&
           recv(to.get(), &byte, 1, 0) == 1;
  }
  os::Fd calls_, answers_;
};

inline std::string call(const os::Fd& netns, const Target& target, Expect expect = Expect::Answer) {
  return call_connected(netns, target, expect).answer;
}

// One datagram without a connection; `peer` is where the answer came from.
inline Called call_unconnected(const os::Fd& netns, const Target& target) {
  auto to = SocketAddress::of(target.address, target.port);
  const os::Fd socket = socket_in(netns, to.family(), Kind::Udp);
  if (sendto(socket.get(), "?", 1, 0, to.get(), to.size) != 1) return {"refused", ""};
  if (!wait_for(socket, POLLIN, 5000)) return {"silence", ""};
  SocketAddress from;
  char answer[128];
  const ssize_t got = recvfrom(socket.get(), answer, sizeof answer, 0, from.get(), &from.size);
  return {got > 0 ? std::string(answer, static_cast<size_t>(got)) : "refused", from.text()};
}

}  // namespace weft::gateway::testing
