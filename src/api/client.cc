#include "api/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/text.h"

namespace weft::api {

using base::Code;
using Json = Client::Json;

namespace {

constexpr size_t kLongestLine = 8 << 10;  // of a head
constexpr size_t kMostHeaders = 64;
constexpr size_t kLargestBody = 256 << 20;  // an export of all that the limits allow

base::BootTime boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return {static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

Error broken(std::string_view what) { return error(Code::Failed, "weftd's answer is broken: {}", what); }
Error no_answer() { return error(Code::TimedOut, "{}", kNoAnswer); }
Error closed() { return error(Code::Unavailable, "weftd closed the connection"); }

Code code_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::TimedOut); ++i) {
    if (base::name_of(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return Code::Failed;
}

std::string text_of(const Json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// {"error":{"code","message","field","holder"}}
std::optional<Error> error_in(const Json& answer) {
  if (!answer.is_object() || !answer.contains("error") || !answer["error"].is_object()) return std::nullopt;
  const Json& told = answer["error"];
  return Error{.code = code_named(text_of(told, "code")),
               .what = text_of(told, "message"),
               .field = text_of(told, "field"),
               .holder = text_of(told, "holder")};
}

Result<Json> parse(const std::string& body) {
  Json answer = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (answer.is_discarded()) return broken("not JSON");
  return answer;
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

Result<size_t> parse_hex_size(std::string_view text) {
  size_t size = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), size, 16);
  if (fault != std::errc{} || end != text.data() + text.size() || size > kLargestBody) return broken("a chunk's size");
  return size;
}

// unix(7): holds for connect() as well, which waits while the queue of who listens is full.
void limit_sending(const os::Fd& socket, base::Duration longest) {
  const int64_t micros = std::max<int64_t>(1, longest.count() / 1000);
  const timeval limit{.tv_sec = micros / 1'000'000, .tv_usec = micros % 1'000'000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

Result<Client> Client::connect(const std::string& socket_path, std::optional<base::Duration> longest) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return error(Code::Usage, "the socket's path {} is too long", base::printable(socket_path));
  }
  socket_path.copy(address.sun_path, socket_path.size());
  os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return base::errno_error("make a socket", errno);
  if (longest) limit_sending(socket, *longest);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int fault = errno;
    if (fault == EAGAIN) return no_answer();
    Error refused = base::errno_error("connect to weftd at " + socket_path, fault);
    refused.code = fault == EACCES || fault == EPERM ? Code::Denied : Code::Unavailable;
    return refused;
  }
  return Client(std::move(socket));
}

Result<Json> Client::call(std::string_view method, const Json& request, std::optional<base::Duration> deadline) {
  if (!socket_.valid()) return closed();
  allow(deadline);
  const auto exchange = [&]() -> Result<Json> {
    TRY_VOID(send(method, request, ""));
    const Head head = TRY(receive_head());
    const std::string body = TRY(receive_body(head));
    if (head.closes) socket_.reset();
    Json answer = TRY(parse(body));
    if (auto told = error_in(answer)) return *std::move(told);
    if (head.status != 200) return broken(fmt::format("status {}", head.status));
    return answer;
  };
  auto answer = exchange();
  // What comes late must not be taken for the answer to the next call.
  if (!answer.ok() && answer.error().code == Code::TimedOut) socket_.reset();
  return answer;
}

void Client::allow(std::optional<base::Duration> longest) {
  deadline_ = longest ? std::optional(boot_now() + *longest) : std::nullopt;
}

Result<> Client::stream(std::string_view method, const Json& request, const std::function<Next(const Json&)>& each,
                        std::optional<base::Duration> deadline) {
  if (!socket_.valid()) return closed();
  allow(deadline);
  TRY_VOID(send(method, request, ""));
  const Head head = TRY(receive_head());
  allow({});
  if (!head.chunked) {
    const std::string body = TRY(receive_body(head));
    const Json answer = TRY(parse(body));
    if (auto told = error_in(answer)) return *std::move(told);
    return broken("not a stream");
  }
  std::string text;
  while (auto chunk = TRY(take_chunk())) {
    text += *chunk;
    size_t begin = 0;
    for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const Json item = TRY(parse(text.substr(begin, end - begin)));
      if (auto told = error_in(item)) return *std::move(told);
      if (each(item) == Next::Item) continue;
      socket_.reset();
      return {};
    }
    text.erase(0, begin);
    if (text.size() > kLargestBody) return broken("a line without an end");
  }
  return {};
}

Result<os::Fd> Client::upgrade(std::string_view method, const Json& request,
                               std::optional<base::Duration> deadline) && {
  if (!socket_.valid()) return closed();
  allow(deadline);
  TRY_VOID(send(method, request, "Connection: Upgrade\r\nUpgrade: weft-frames\r\n"));
  read_size_ = 1;  // what follows the head belongs to the stream
  const Head head = TRY(receive_head());
  read_size_ = kReadSize;
  if (head.status == 101) return std::move(socket_);
  const std::string body = TRY(receive_body(head));
  const Json answer = TRY(parse(body));
  if (auto told = error_in(answer)) return *std::move(told);
  return broken(fmt::format("status {}", head.status));
}

Result<> Client::send(std::string_view method, const Json& request, std::string_view more_headers) {
  const std::string body = request.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::string text = fmt::format(
      "POST /v1/{} HTTP/1.1\r\nHost: weft\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}", method,
      body.size(), more_headers, body);
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = ::send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<size_t>(count);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};  // it may have answered why before it closed
    } else if (errno == EAGAIN) {
      return no_answer();
    } else if (errno != EINTR) {
      return base::errno_error("write to weftd", errno);
    }
  }
  return {};
}

Result<> Client::fill() {
  while (true) {
    if (deadline_) {
      const auto left = *deadline_ - boot_now();
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      const int ready = ms <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(std::min<int64_t>(ms, 1'000'000'000)));
      if (ready == 0) return no_answer();
      if (ready < 0 && errno == EINTR) continue;
    }
    if (start_ != 0) {
      buffer_.erase(0, start_);
      start_ = 0;
    }
    const size_t old_size = buffer_.size();
    buffer_.resize(old_size + read_size_);
    const ssize_t count = ::recv(socket_.get(), buffer_.data() + old_size, read_size_, 0);
    const int fault = errno;
    buffer_.resize(old_size + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count > 0) return {};
    if (count == 0 || fault == ECONNRESET) return closed();
    if (fault != EINTR) return base::errno_error("read from weftd", fault);
  }
}

Result<std::string> Client::take_line() {
  while (true) {
    const size_t end = buffer_.find("\r\n", start_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(start_, end - start_);
      start_ = end + 2;
      return line;
    }
    if (buffer_.size() - start_ > kLongestLine) return broken("a line without an end");
    TRY_VOID(fill());
  }
}

Result<std::string> Client::take(size_t bytes) {
  while (buffer_.size() - start_ < bytes) TRY_VOID(fill());
  std::string out = buffer_.substr(start_, bytes);
  start_ += bytes;
  return out;
}

Result<Client::Head> Client::receive_head() {
  Head head;
  const std::string status = TRY(take_line());
  if (!status.starts_with("HTTP/1.1 ") || status.size() < 12) return broken("not HTTP/1.1");
  head.status = static_cast<int>(TRY(base::parse_number(std::string_view(status).substr(9, 3), 100, 599)));
  for (size_t count = 0;; ++count) {
    const std::string line = TRY(take_line());
    if (line.empty()) return head;
    if (count == kMostHeaders) return broken("too many headers");
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return broken("a header without a value");
    const std::string_view name = std::string_view(line).substr(0, colon);
    const std::string_view value = base::trim(std::string_view(line).substr(colon + 1));
    if (same_letters(name, "content-length")) head.length = TRY(base::parse_number(value, 0, kLargestBody));
    if (same_letters(name, "transfer-encoding")) head.chunked = same_letters(value, "chunked");
    if (same_letters(name, "connection")) head.closes = same_letters(value, "close");
  }
}

Result<std::string> Client::receive_body(const Head& head) {
  if (!head.chunked) {
    if (!head.length) return broken("no length");
    return take(*head.length);
  }
  std::string body;
  while (auto chunk = TRY(take_chunk())) {
    body += *chunk;
    if (body.size() > kLargestBody) return broken("too long");
  }
  return body;
}

Result<std::optional<std::string>> Client::take_chunk() {
  const std::string line = TRY(take_line());
  const size_t size = TRY(parse_hex_size(std::string_view(line).substr(0, line.find(';'))));
  if (size == 0) {
    while (!TRY(take_line()).empty()) {
    }
    return std::optional<std::string>();
  }
  std::string chunk = TRY(take(size));
  if (!TRY(take_line()).empty()) return broken("a chunk's end");
  return std::optional(std::move(chunk));
}

}  // namespace weft::api
