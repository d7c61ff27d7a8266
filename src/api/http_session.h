// One connection of the server: reads a request, answers it, reads the next.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http_server.h"
#include "api/http_text.h"
#include "api/relay.h"

namespace weft::api {

// Whether the peer's requests may name a caller.
enum class Speaks { ForItself, ForOthers };

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  // `gone` is called once, when the connection has ended.
  Session(Socket socket, Dispatch& dispatch, const ServerOptions& options, Caller peer, Speaks speaks,
          std::function<void(Session*)> gone)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        dispatch_(dispatch),
        options_(options),
        limits_(options.limits),
        peer_(std::move(peer)),
        speaks_(speaks),
        gone_(std::move(gone)) {}

  void start() { await_request(); }
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using ErrorCode = boost::system::error_code;

  void await_request();
  void read_head();
  void read_body();
  void refuse(const ErrorCode& fault);
  size_t body_limit() const;
  void take_head();
  void take_request();
  void forward(os::Fd there);
  void relay(const std::shared_ptr<Socket>& other);

  void run(const Unary& unary, const Message& request);
  void run(const Streaming& streaming, const Message& request);
  void run(const Upgrading& upgrading, const Message& request);

  void finish(const Result<std::unique_ptr<Message>>& result);
  void answer(std::string text);
  void answer_and_close(std::string text);
  Connection connection() const { return keep_alive_ ? Connection::KeepAlive : Connection::Close; }
  void pump();
  void write_stream(std::string text, std::function<void()> then);
  void end_stream(std::string text);

  // Calls close() when the peer has gone while it waits for an answer.
  void watch_peer();
  void set_timer(std::chrono::milliseconds after);
  void stop_timer();
  // Wraps a handler so that the session lives as long as what it waits for.
  template <class Handler>
  auto kept(Handler handler) {
    return [self = shared_from_this(), handler](auto&&... arguments) {
      if (!self->closed_) handler(*self, arguments...);
    };
  }

  Socket socket_;
  boost::asio::steady_timer timer_;
  Dispatch& dispatch_;
  const ServerOptions& options_;
  const ServerLimits& limits_;
  const Caller peer_;
  const Speaks speaks_;
  Caller caller_;  // of this request
  std::function<void(Session*)> gone_;

  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  const Method* method_ = nullptr;
  std::string method_name_;
  bool keep_alive_ = true;
  bool closed_ = false;
  bool watched_ = false;
  bool awaiting_ = false;  // the answer of a unary call
  uint64_t timer_turn_ = 0;
  std::string out_;
  Pending pending_;
  std::unique_ptr<MessageStream> stream_;
  Framing framing_ = Framing::JsonLines;
  std::shared_ptr<Relay> relay_;
};

}  // namespace weft::api
