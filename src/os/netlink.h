// Rtnetlink: requests are values, made by the functions of netlink_link.h,
// netlink_address.h, netlink_route.h and netlink_tc.h, and sent many at a time:
//
//   auto netlink = TRY(Netlink::open_in(netns));
//   TRY_VOID(netlink.apply({change_link({.index = 2, .state = LinkState::Up}),
//                           put_address({.link = 2, .address = a, .length = 24}, Create::Replace),
//                           put_route({.to = all, .link = 2}, Create::Replace)}));
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

struct nlmsghdr;

namespace weft::os {

// What exists already: an error, or made equal to what is asked for.
// Removing what is not there always counts as done.
enum class Create { Exclusive, Replace };

// A request that names a namespace or a program holds the number of its
// descriptor, not the descriptor: that one stays open until the request is sent.
struct Request {
  std::string message;           // nlmsghdr and all; the sender numbers it
  std::string what;              // "add route 10.0.0.0/24", in front of its error
  std::array<int, 3> done = {};  // errnos that mean that it was so already
};

struct Failure {
  size_t request = 0;  // its position among those sent
  int number = 0;      // errno
  Error error;         // with the request's text, the errno's and the kernel's own
};

// Which part of the kernel a socket talks to.
enum class Bus { Route, Sockets, Netfilter };

// A socket belongs to the namespace in which it was opened, whichever thread
// uses it later, and keeps that namespace alive. One user at a time.
class Netlink {
 public:
  static Result<Netlink> open(Bus bus = Bus::Route);
  static Result<Netlink> open_in(const Fd& netns, Bus bus = Bus::Route);

  // Sends all, in as few system calls as possible and in order; one that fails
  // does not stop the others. An error here means that the socket itself failed.
  Result<std::vector<Failure>> send(std::span<const Request> requests);

  // The same where any failure is an error: the first, and how many there were.
  Result<> apply(std::span<const Request> requests);
  Result<> apply(std::initializer_list<Request> requests) {
    return apply(std::span(requests.begin(), requests.size()));
  }

  // More rows than these are Code::Limit, and the socket is of no use any more: for
  // namespaces in which somebody else decides how many there are.
  void limit_rows(size_t most) { most_rows_ = most; }

  // The namespace that the socket belongs to.
  Result<Fd> netns() const;

  // Reads the answer to a request for one or all objects. Interrupted: the
  // kernel changed something meanwhile, and the answer may lack some of it.
  enum class Answer { Whole, Interrupted };
  Result<Answer> ask(const Request& request, const std::function<void(const nlmsghdr&)>& take);

 private:
  explicit Netlink(Fd socket) : socket_(std::move(socket)) {}
  Result<> send_some(std::span<const Request> requests, size_t first, std::vector<Failure>& failures);
  Result<> transmit(const std::string& messages);

  Fd socket_;
  unsigned sequence_ = 0;
  size_t most_rows_ = SIZE_MAX;
};

}  // namespace weft::os
