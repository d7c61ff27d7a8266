// The API on a Unix socket: POST /v1/<Service>/<Method> with a JSON body, over
// HTTP/1.1. One thread, the loop's; no connection can hold up another.
//
//   unary     a JSON answer, or {"error":{"code","message","field","holder"}}
//   stream    JSON lines in chunks; server-sent events where Accept asks for them
//   upgrade   101, then the bytes of the workload's parent, both ways
//
// The caller is who connected (SO_PEERCRED). A caller without a role is told so
// and let go before anything is read from it.
//
// A server may have another one answer: the request, judged by its caller's role,
// goes there whole, with
//
//   Weft-Caller: ROLE ACTOR
//
// and the connection carries what comes back, until it ends with the answer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/dispatch.h"
#include "api/roles.h"

namespace weft::api {

struct ServerLimits {
  size_t connections = 256;  // the next is told 503 and closed
  // While there are so many, only root may have more: a stream may stay as long as its
  // reader likes, and whoever has a role could keep all others out.
  size_t for_others = 240;
  size_t body_bytes = 4 << 20;
  // Of a request that only reads: callers that may do no more can't fill the
  // memory with bodies.
  size_t read_body_bytes = 64 << 10;
  uint32_t header_bytes = 16 << 10;
  // From the first byte of a request to its last.
  std::chrono::milliseconds request_time{10'000};
  // For taking an answer; a stream's reader may take its time.
  std::chrono::milliseconds answer_time{30'000};
  std::chrono::milliseconds idle_time{60'000};
};

// A connection to the server that answers the method in our place; nothing: we do.
// An error is the answer.
using Elsewhere = std::function<Result<std::optional<os::Fd>>(const Method&)>;

struct ServerOptions {
  std::string path;
  mode_t mode = 0666;  // everybody may connect; the credentials decide what they may do
  Roles roles;
  std::optional<uid_t> forwarder;  // whose Weft-Caller is believed; without it the caller is who connected
  Elsewhere elsewhere;
  ServerLimits limits = {};
};

class Server {
 public:
  // Takes the path over from a server that is gone; Conflict if one answers there.
  static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& loop, Dispatch& dispatch,
                                                ServerOptions options);
  virtual ~Server() = default;
  virtual size_t connections() const = 0;
};

}  // namespace weft::api
