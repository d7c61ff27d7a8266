// For system tests: a TCP connection between two namespaces, to see whether it
// outlives what happens to them.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "os/fd.h"
#include "os/netns.h"

namespace weft::datapath {

class Conversation {
 public:
  // `address` is the answering side's.
  Conversation(const os::Fd& caller, const os::Fd& answerer, const std::string& address, int milliseconds = kPatience) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &at.sin_addr), 1);
    const os::Fd listening = socket_in(answerer);
    EXPECT_EQ(bind(listening.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(listen(listening.get(), 1), 0);
    socklen_t size = sizeof at;
    EXPECT_EQ(getsockname(listening.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    calls_ = socket_in(caller);
    (void)connect(calls_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    if (wait_for(listening, milliseconds)) answers_ = os::Fd(accept(listening.get(), nullptr, nullptr));
  }
  bool began() const { return answers_.valid(); }
  // Something gets through, both ways, sooner or later.
  bool goes_on(int milliseconds = kPatience) {
    return passes(calls_, answers_, milliseconds) && passes(answers_, calls_, milliseconds);
  }

 private:
  static constexpr int kPatience = 20'000;

  static os::Fd socket_in(const os::Fd& netns) {
    const auto inside = os::InsideNetns::enter(netns);
    EXPECT_TRUE(inside.ok());
    return os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  static bool wait_for(const os::Fd& socket, int milliseconds) {
    pollfd waiting{socket.get(), POLLIN, 0};
    return poll(&waiting, 1, milliseconds) > 0;
  }
  static bool passes(const os::Fd& from, const os::Fd& to, int milliseconds) {
    char byte = 'x';
    return send(from.get(), &byte, 1, MSG_NOSIGNAL) == 1 && wait_for(to, milliseconds) &&
           recv(to.get(), &byte, 1, 0) == 1;
  }

  os::Fd calls_, answers_;
};

}  // namespace weft::datapath
