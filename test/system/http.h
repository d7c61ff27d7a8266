// Requests to weftd's socket as bytes, so that also those can be sent that no
// client of ours would send.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace weft::http {

struct Answer {
  int status = 0;  // 0: the connection was closed without one
  std::string body;
};

// "POST /v1/Tnis/Move HTTP/1.1 ..." with its body.
std::string request(std::string_view method, std::string_view body);

class Connection {
 public:
  static Result<Connection> open(const std::string& socket);
  // Bytes as they are; false once the other side has closed.
  bool send(std::string_view bytes);
  // One whole answer with a length; TimedOut if it doesn't come.
  Result<Answer> receive(std::chrono::milliseconds patience = std::chrono::seconds(30));
  Result<Answer> call(std::string_view method, std::string_view body);

 private:
  explicit Connection(os::Fd socket) : socket_(std::move(socket)) {}
  os::Fd socket_;
  std::string buffer_;
};

}  // namespace weft::http
