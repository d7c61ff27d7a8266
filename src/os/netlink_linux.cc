#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "os/netlink_message.h"
#include "os/netns.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

// Acknowledgements wait in the socket until all of a send is processed: this
// many fit into its buffer even if each is an error with a long text.
constexpr size_t kRequestsPerSend = 64;
constexpr size_t kBytesPerSend = 64 * 1024;
// What the kernel makes of a dump at most in one piece.
constexpr size_t kReceiveSize = 32 * 1024;
// Answers are there when the send returns; silence for so long is a kernel at fault.
constexpr timeval kSilence{.tv_sec = 10, .tv_usec = 0};

Result<> set_option(const Fd& socket, int level, int option, const void* value, socklen_t size) {
  if (setsockopt(socket.get(), level, option, value, size) != 0) return errno_error("configure netlink", errno);
  return {};
}

struct Received {
  alignas(nlmsghdr) std::array<char, kReceiveSize> bytes;
  size_t size = 0;

  // Calls `take` with each message; stops where it returns false or an error.
  template <class Take>
  Result<bool> each(Take&& take) const {
    const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
    int left = static_cast<int>(size);
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (!TRY(take(*message))) return false;
    }
    return true;
  }
};

Result<> receive(const Fd& socket, Received& received) {
  ssize_t got = 0;
  do got = recv(socket.get(), received.bytes.data(), received.bytes.size(), MSG_TRUNC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return errno_error("receive from netlink", errno);
  if (static_cast<size_t>(got) > received.bytes.size()) return error(Code::Failed, "netlink answer is too long");
  received.size = static_cast<size_t>(got);
  return {};
}

// Where the attributes of an answer begin that ends a wait; 0 if it has none.
size_t end_of_fixed_part(const nlmsghdr& message) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return 0;
  if (message.nlmsg_type == NLMSG_DONE) return MNL_NLMSG_HDRLEN + sizeof(int);
  const auto* outcome = header_of<nlmsgerr>(message);
  const bool capped = (message.nlmsg_flags & NLM_F_CAPPED) != 0;
  const size_t echoed = capped || outcome == nullptr ? 0 : outcome->msg.nlmsg_len - sizeof(nlmsghdr);
  return MNL_NLMSG_HDRLEN + sizeof(nlmsgerr) + MNL_ALIGN(echoed);
}

// The kernel's own words about a refusal (NLMSGERR_ATTR_MSG), if it has any.
std::string words_of(const nlmsghdr& message) {
  const size_t begin = end_of_fixed_part(message);
  const std::string_view all(reinterpret_cast<const char*>(&message), message.nlmsg_len);
  return begin == 0 || begin > all.size() ? "" : Attributes(all.substr(begin)).text(NLMSGERR_ATTR_MSG);
}

// The errno in an answer that ends a wait, 0 for success; nothing if it is a row.
std::optional<int> outcome_of(const nlmsghdr& message) {
  if (message.nlmsg_type == NLMSG_ERROR) {
    const auto* outcome = header_of<nlmsgerr>(message);
    return outcome != nullptr ? -outcome->error : EBADMSG;
  }
  if (message.nlmsg_type != NLMSG_DONE) return std::nullopt;
  const auto* outcome = header_of<int>(message);
  return outcome != nullptr && *outcome < 0 ? -*outcome : 0;
}

Error refusal(const Request& request, int number, const nlmsghdr& message) {
  Error refused = errno_error(request.what, number);
  const std::string words = words_of(message);
  if (!words.empty()) refused.what += " (" + words + ")";
  return refused;
}

bool was_so_already(const Request& request, int number) {
  return std::find(request.done.begin(), request.done.end(), number) != request.done.end();
}

void stamp(std::string& message, unsigned sequence, uint16_t flags) {
  auto* head = reinterpret_cast<nlmsghdr*>(message.data());
  head->nlmsg_seq = sequence;
  head->nlmsg_flags = static_cast<uint16_t>(head->nlmsg_flags | flags);
}

size_t how_many_fit(std::span<const Request> requests) {
  size_t bytes = 0;
  size_t count = 0;
  for (const auto& request : requests) {
    bytes += MNL_ALIGN(request.message.size());
    if (count == kRequestsPerSend || (count > 0 && bytes > kBytesPerSend)) break;
    ++count;
  }
  return count;
}

}  // namespace

namespace {

int protocol_of(Bus bus) {
  switch (bus) {
    case Bus::Route: return NETLINK_ROUTE;
    case Bus::Sockets: return NETLINK_SOCK_DIAG;
    case Bus::Netfilter: return NETLINK_NETFILTER;
  }
  return -1;
}

}  // namespace

uint8_t family_number(net::Family family) { return family == net::Family::V4 ? AF_INET : AF_INET6; }

Result<Netlink> Netlink::open(Bus bus) {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol_of(bus)));
  if (!socket.valid()) return errno_error("open a netlink socket", errno);
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    TRY_VOID(set_option(socket, SOL_NETLINK, option, &on, sizeof on));
  }
  TRY_VOID(set_option(socket, SOL_SOCKET, SO_RCVTIMEO, &kSilence, sizeof kSilence));
  return Netlink(std::move(socket));
}

Result<Netlink> Netlink::open_in(const Fd& netns, Bus bus) {
  return inside_netns(netns, [bus] { return open(bus); });
}

Result<Fd> Netlink::netns() const {
  Fd netns(ioctl(socket_.get(), SIOCGSKNS));
  if (!netns.valid()) return errno_error("ask for a socket's namespace", errno);
  return netns;
}

Result<> Netlink::transmit(const std::string& messages) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = 0;
  do
    sent = sendto(socket_.get(), messages.data(), messages.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                  sizeof kernel);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno_error("send to netlink", errno);
  return {};
}

// An error is always answered, success only where NLM_F_ACK asks for it: the
// last request asks, and its answer ends the wait for all.
Result<> Netlink::send_some(std::span<const Request> requests, size_t first, std::vector<Failure>& failures) {
  const unsigned base = sequence_ + 1;
  std::string messages;
  for (const auto& request : requests) {
    std::string message = request.message;
    stamp(message, ++sequence_, &request == &requests.back() ? NLM_F_ACK : 0);
    message.resize(MNL_ALIGN(message.size()));
    messages += message;
  }
  TRY_VOID(transmit(messages));

  Received received;
  const auto take = [&](const nlmsghdr& message) -> Result<bool> {
    const size_t position = message.nlmsg_seq - base;
    const auto number = outcome_of(message);
    if (!number || position >= requests.size()) return true;
    const auto& request = requests[position];
    if (*number != 0 && !was_so_already(request, *number)) {
      failures.push_back({first + position, *number, refusal(request, *number, message)});
    }
    return position + 1 < requests.size();
  };
  bool waiting = true;
  while (waiting) {
    TRY_VOID(receive(socket_, received));
    waiting = TRY(received.each(take));
  }
  return {};
}

Result<std::vector<Failure>> Netlink::send(std::span<const Request> requests) {
  std::vector<Failure> failures;
  for (size_t first = 0; first < requests.size();) {
    const size_t count = how_many_fit(requests.subspan(first));
    TRY_VOID(send_some(requests.subspan(first, count), first, failures));
    first += count;
  }
  return failures;
}

Result<> Netlink::apply(std::span<const Request> requests) {
  auto failures = TRY(send(requests));
  if (failures.empty()) return {};
  Error refused = std::move(failures.front().error);
  if (failures.size() > 1) refused.what += fmt::format(" (and {} more)", failures.size() - 1);
  return refused;
}

Result<Netlink::Answer> Netlink::ask(const Request& request, const std::function<void(const nlmsghdr&)>& take) {
  std::string message = request.message;
  const unsigned sequence = ++sequence_;
  // A dump ends by itself (NLMSG_DONE); one object is ended by the acknowledgement.
  stamp(message, sequence, NLM_F_ACK);
  TRY_VOID(transmit(message));

  Answer answer = Answer::Whole;
  size_t rows = 0;
  Received received;
  const auto consume = [&](const nlmsghdr& part) -> Result<bool> {
    if (part.nlmsg_seq != sequence) return true;
    if ((part.nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer = Answer::Interrupted;
    const auto number = outcome_of(part);
    if (!number && ++rows > most_rows_) return error(Code::Limit, "{}: more than {}", request.what, most_rows_);
    if (!number) take(part);
    if (number.value_or(0) != 0 && !was_so_already(request, *number)) return refusal(request, *number, part);
    return !number;
  };
  bool waiting = true;
  while (waiting) {
    TRY_VOID(receive(socket_, received));
    waiting = TRY(received.each(consume));
  }
  return answer;
}

}  // namespace weft::os
