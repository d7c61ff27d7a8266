// A small blocking client for weftd's Unix socket: JSON over HTTP/1.1, one
// request at a time. It needs neither Beast nor protobuf, so that a program that
// makes one call starts in a few milliseconds.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"

namespace weft::api {

// What TimedOut says when weftd itself says nothing.
inline constexpr std::string_view kNoAnswer = "weftd has not answered in time";

class Client {
 public:
  using Json = nlohmann::ordered_json;  // fields stand as weftd wrote them: in the schema's order
  // Whether to go on with a stream.
  enum class Next { Item, Stop };

  // Unavailable: nobody listens there. TimedOut: so many wait there already that it
  // didn't come about; `longest` is how long the socket takes anything at most.
  static Result<Client> connect(const std::string& socket_path, std::optional<base::Duration> longest = {});

  // "Vpcs/Create". The answer, or the error that weftd gave. Without a deadline it
  // waits for as long as weftd takes. TimedOut closes the connection.
  Result<Json> call(std::string_view method, const Json& request, std::optional<base::Duration> deadline = {});
  // Calls back for each item until the stream ends. The deadline is for its beginning.
  Result<> stream(std::string_view method, const Json& request, const std::function<Next(const Json&)>& each,
                  std::optional<base::Duration> deadline = {});
  // The connection carries raw bytes from here on; the client is spent.
  Result<os::Fd> upgrade(std::string_view method, const Json& request, std::optional<base::Duration> deadline = {}) &&;

 private:
  explicit Client(os::Fd socket) : socket_(std::move(socket)) {}

  struct Head {
    int status = 0;
    bool chunked = false;
    std::optional<size_t> length;
    bool closes = false;
  };
  Result<> send(std::string_view method, const Json& request, std::string_view more_headers);
  Result<Head> receive_head();
  Result<std::string> receive_body(const Head& head);
  // Up to the end of a line, without it; and exactly so many bytes.
  Result<std::string> take_line();
  Result<std::string> take(size_t bytes);
  // Absent: the last chunk has come.
  Result<std::optional<std::string>> take_chunk();
  Result<> fill();
  void allow(std::optional<base::Duration> longest);

  static constexpr size_t kReadSize = 64 << 10;

  os::Fd socket_;
  size_t read_size_ = kReadSize;  // at most, at once
  std::string buffer_;
  size_t start_ = 0;
  std::optional<base::BootTime> deadline_;
};

}  // namespace weft::api
