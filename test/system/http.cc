#include "http.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>

namespace weft::http {

std::string request(std::string_view method, std::string_view body) {
  return fmt::format("POST /v1/{} HTTP/1.1\r\nHost: weft\r\nContent-Length: {}\r\n\r\n{}", method, body.size(), body);
}

Result<Connection> Connection::open(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return base::errno_error("connect to " + socket, errno);
  }
  return Connection(std::move(fd));
}

bool Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

Result<Answer> Connection::receive(std::chrono::milliseconds patience) {
  constexpr std::string_view kLength = "Content-Length: ";
  for (;;) {
    const size_t head = buffer_.find("\r\n\r\n");
    if (head != std::string::npos) {
      const size_t at = buffer_.find(kLength);
      const size_t size = at < head ? std::strtoul(buffer_.c_str() + at + kLength.size(), nullptr, 10) : 0;
      if (buffer_.size() >= head + 4 + size) {
        Answer answer{.status = std::atoi(buffer_.c_str() + 9), .body = buffer_.substr(head + 4, size)};
        buffer_.erase(0, head + 4 + size);
        return answer;
      }
    }
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) == 0) {
      return error(base::Code::TimedOut, "no answer within {} ms", patience.count());
    }
    char bytes[16 << 10];
    const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Answer{};
    buffer_.append(bytes, static_cast<size_t>(size));
  }
}

Result<Answer> Connection::call(std::string_view method, std::string_view body) {
  if (!send(request(method, body))) return Answer{};
  return receive();
}

}  // namespace weft::http
