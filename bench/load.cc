#include "bench/load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "os/netns.h"

namespace weft::bench {

namespace {

using base::errno_error;
using Clock = std::chrono::steady_clock;

constexpr int kCore = 1;
constexpr int kPatience = 5000;  // ms without anything: the path is broken
constexpr size_t kWindow = 64;   // packets under way in the packet test

struct Endpoint {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

Endpoint endpoint(const net::Address& address, uint16_t port) {
  Endpoint out;
  if (address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.bytes);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = htonl(address.v4_host_order());
    out.size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.bytes);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, address.bytes().data(), 16);
    out.size = sizeof *v6;
  }
  return out;
}

void pin_here() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(kCore, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

void prepare(const os::Fd& fd) {
  set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  // The machine's default may pace; what is measured is the path.
  setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

bool readable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wait, 1, kPatience) == 1;
}

Result<os::Fd> listen_in(const Path& path, int type, uint16_t& port) {
  return os::inside_netns(path.server, [&]() -> Result<os::Fd> {
    os::Fd fd(socket(path.target.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
    Endpoint at = endpoint(path.target, 0);
    set(fd.get(), SOL_SOCKET, SO_RCVBUF, 4 << 20);
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&at.bytes), at.size) != 0) return errno_error("bind", errno);
    if (type == SOCK_STREAM && listen(fd.get(), 128) != 0) return errno_error("listen", errno);
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at.bytes), &at.size);
    port = ntohs(reinterpret_cast<sockaddr_in*>(&at.bytes)->sin_port);
    return fd;
  });
}

Result<os::Fd> connect_in(const Path& path, int type, uint16_t port) {
  return os::inside_netns(path.client, [&]() -> Result<os::Fd> {
    os::Fd fd(socket(path.target.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
    const Endpoint to = endpoint(path.target, port);
    timeval patience{.tv_sec = kPatience / 1000, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.bytes), to.size) != 0) {
      return errno_error("connect over " + path.name, errno);
    }
    return fd;
  });
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Result<double> latency(const Path& path, double seconds) {
  uint16_t port = 0;
  const os::Fd listener = TRY(listen_in(path, SOCK_STREAM, port));
  std::thread server([&] {
    pin_here();
    if (!readable(listener.get())) return;
    const os::Fd fd(accept(listener.get(), nullptr, nullptr));
    prepare(fd);
    char byte;
    while (recv(fd.get(), &byte, 1, 0) == 1 && send(fd.get(), &byte, 1, MSG_NOSIGNAL) == 1) {
    }
  });
  const auto client = [&]() -> Result<double> {
    pin_here();
    const os::Fd fd = TRY(connect_in(path, SOCK_STREAM, port));
    prepare(fd);
    char byte = 'x';
    uint64_t rounds = 0;
    const auto start = Clock::now();
    while (seconds_since(start) < seconds) {
      for (int i = 0; i < 100; ++i, ++rounds) {
        if (send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd.get(), &byte, 1, 0) != 1) {
          return errno_error("ping-pong over " + path.name, errno);
        }
      }
    }
    return seconds_since(start) * 1e6 / static_cast<double>(rounds);
  };
  Result<double> result = 0.0;
  std::thread client_thread([&] { result = client(); });
  client_thread.join();
  shutdown(listener.get(), SHUT_RDWR);
  server.join();
  return result;
}

Result<double> connections(const Path& path, double seconds) {
  uint16_t port = 0;
  const os::Fd listener = TRY(listen_in(path, SOCK_STREAM, port));
  std::thread server([&] {
    pin_here();
    while (true) {
      const os::Fd fd(accept(listener.get(), nullptr, nullptr));
      if (!fd.valid()) return;
      char byte;
      if (recv(fd.get(), &byte, 1, 0) == 1) (void)send(fd.get(), &byte, 1, MSG_NOSIGNAL);
    }
  });
  const auto client = [&]() -> Result<double> {
    pin_here();
    const auto inside = TRY(os::InsideNetns::enter(path.client));
    const Endpoint to = endpoint(path.target, port);
    uint64_t done = 0;
    const auto start = Clock::now();
    while (seconds_since(start) < seconds) {
      const os::Fd fd(socket(path.target.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      char byte = 'x';
      if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.bytes), to.size) != 0 ||
          send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd.get(), &byte, 1, 0) != 1) {
        return errno_error("connection over " + path.name, errno);
      }
      ++done;
    }
    return static_cast<double>(done) / seconds_since(start);
  };
  Result<double> result = 0.0;
  std::thread client_thread([&] { result = client(); });
  client_thread.join();
  shutdown(listener.get(), SHUT_RDWR);
  server.join();
  return result;
}

// One thread sends a window into the one namespace and takes it out of the other,
// so that what is measured is the path and not how the two ends take turns.
Result<double> packets(const Path& path, double seconds) {
  uint16_t port = 0;
  const os::Fd receiver = TRY(listen_in(path, SOCK_DGRAM, port));
  const os::Fd sender = TRY(connect_in(path, SOCK_DGRAM, port));
  std::array<char, 64> payload{};
  std::array<mmsghdr, kWindow> messages{};
  iovec vector{payload.data(), payload.size()};
  for (auto& message : messages) {
    message.msg_hdr.msg_iov = &vector;
    message.msg_hdr.msg_iovlen = 1;
  }
  const auto pass_window = [&]() -> Result<> {
    if (sendmmsg(sender.get(), messages.data(), kWindow, 0) != static_cast<int>(kWindow)) {
      return errno_error("send over " + path.name, errno);
    }
    for (size_t got = 0; got < kWindow;) {
      if (!readable(receiver.get())) return errno_error("packets over " + path.name, ETIMEDOUT);
      const int count = recvmmsg(receiver.get(), messages.data(), kWindow, MSG_DONTWAIT, nullptr);
      if (count > 0) got += static_cast<size_t>(count);
    }
    return {};
  };
  Result<double> result = 0.0;
  std::thread([&] {
    pin_here();
    uint64_t sent = 0;
    const auto start = Clock::now();
    for (; seconds_since(start) < seconds; sent += kWindow) {
      if (auto passed = pass_window(); !passed.ok()) {
        result = passed.error();
        return;
      }
    }
    result = static_cast<double>(sent) / seconds_since(start);
  }).join();
  return result;
}

Result<double> throughput(const Path& path, double seconds, int streams) {
  uint16_t port = 0;
  const os::Fd listener = TRY(listen_in(path, SOCK_STREAM, port));
  std::atomic<uint64_t> bytes = 0;
  std::vector<std::thread> threads;
  std::vector<os::Fd> sockets;
  for (int i = 0; i < streams; ++i) {
    sockets.push_back(TRY(connect_in(path, SOCK_STREAM, port)));
    prepare(sockets.back());
    if (!readable(listener.get())) return errno_error("stream over " + path.name, ETIMEDOUT);
    const int accepted = accept(listener.get(), nullptr, nullptr);
    threads.emplace_back([accepted, &bytes] {
      const os::Fd fd(accepted);
      std::vector<char> buffer(256 << 10);
      ssize_t count;
      while ((count = recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0) {
        bytes.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
      }
    });
  }
  const auto start = Clock::now();
  std::vector<std::thread> senders;
  for (const os::Fd& fd : sockets) {
    senders.emplace_back([&fd, start, seconds] {
      const std::vector<char> buffer(128 << 10);
      while (seconds_since(start) < seconds) {
        if (send(fd.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) <= 0) break;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  const double result = static_cast<double>(bytes.load()) * 8 / seconds_since(start) / 1e9;
  sockets.clear();
  for (std::thread& thread : threads) thread.join();
  return result;
}

}  // namespace

std::string_view name_of(Measure measure) {
  switch (measure) {
    case Measure::Latency: return "latency";
    case Measure::Connections: return "connections";
    case Measure::Packets: return "packets";
    case Measure::Throughput1: return "throughput-1";
    case Measure::Throughput4: return "throughput-4";
  }
  return "";
}

std::string_view unit_of(Measure measure) {
  switch (measure) {
    case Measure::Latency: return "us";
    case Measure::Connections: return "connections/s";
    case Measure::Packets: return "packets/s";
    case Measure::Throughput1:
    case Measure::Throughput4: return "Gbit/s";
  }
  return "";
}

Result<double> measure(const Path& path, Measure what, double seconds) {
  switch (what) {
    case Measure::Latency: return latency(path, seconds);
    case Measure::Connections: return connections(path, seconds);
    case Measure::Packets: return packets(path, seconds);
    case Measure::Throughput1: return throughput(path, seconds, 1);
    case Measure::Throughput4: return throughput(path, seconds, 4);
  }
  return 0.0;
}

}  // namespace weft::bench
