#include "api/http_session.h"

#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace weft::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using base::Code;

namespace {

constexpr std::string_view kPrefix = "/v1/";
constexpr size_t kItemsAtOnce = 64;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kUpgraded =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: weft-frames\r\n\r\n";

std::string_view view(boost::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void Session::close() {
  if (closed_) return;
  closed_ = true;
  stop_timer();
  boost::system::error_code ignored;
  socket_.close(ignored);
  pending_.reset();
  stream_.reset();
  if (relay_) relay_->close();
  gone_(this);
}

void Session::set_timer(std::chrono::milliseconds after) {
  const uint64_t turn = ++timer_turn_;
  timer_.expires_after(after);
  timer_.async_wait(kept([turn](Session& self, const ErrorCode& fault) {
    if (!fault && turn == self.timer_turn_) self.close();
  }));
}

void Session::stop_timer() {
  ++timer_turn_;
  timer_.cancel();
}

void Session::await_request() {
  set_timer(limits_.idle_time);
  socket_.async_wait(Socket::wait_read, kept([](Session& self, const ErrorCode& fault) {
                       if (fault) return self.close();
                       self.read_head();
                     }));
}

void Session::read_head() {
  set_timer(limits_.request_time);
  parser_.emplace();
  method_ = nullptr;
  parser_->header_limit(limits_.header_bytes);
  parser_->body_limit(limits_.body_bytes);
  http::async_read_header(socket_, buffer_, *parser_, kept([](Session& self, const ErrorCode& fault, size_t) {
                            if (fault) return self.refuse(fault);
                            self.take_head();
                          }));
}

// What went wrong with a request that isn't whole.
void Session::refuse(const ErrorCode& fault) {
  const auto told = [&](int status, Code code, std::string what) {
    answer_and_close(http_error(status, error(code, "{}", what), Connection::Close));
  };
  if (fault == http::error::header_limit) {
    return told(431, Code::Limit, fmt::format("the head is longer than {} bytes", limits_.header_bytes));
  }
  if (fault == http::error::body_limit) {
    return told(413, Code::Limit, fmt::format("the body is longer than {} bytes", body_limit()));
  }
  if (fault.category() == http::make_error_code(http::error::bad_method).category() &&
      fault != http::error::end_of_stream && fault != http::error::partial_message) {
    return told(400, Code::Usage, "not HTTP/1.1: " + fault.message());
  }
  close();
}

size_t Session::body_limit() const {
  return method_ != nullptr && method_->access == Role::Viewer ? limits_.read_body_bytes : limits_.body_bytes;
}

void Session::take_head() {
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive();
  const auto told = [&](int status, const Error& error) {
    answer_and_close(http_error(status, error, Connection::Close));
  };
  if (head.version() != 11) return told(505, error(Code::Usage, "only HTTP/1.1 is spoken here"));
  const std::string_view target = view(head.target());
  if (!target.starts_with(kPrefix)) return told(404, error(Code::NotFound, "it is POST /v1/<Service>/<Method>"));
  if (head.method() != http::verb::post) return told(405, error(Code::Usage, "every method is a POST"));
  caller_ = peer_;
  if (const auto named = head.find(kCallerHeader); speaks_ == Speaks::ForOthers && named != head.end()) {
    auto caller = parse_caller(view(named->value()));
    if (!caller.ok()) return told(400, caller.error());
    caller_ = *std::move(caller);
  }
  method_name_ = target.substr(kPrefix.size());
  const auto method = dispatch_.find(method_name_, caller_);
  if (!method.ok()) return told(http_status(method.error().code), method.error());
  method_ = *method;
  parser_->body_limit(body_limit());
  if (parser_->content_length().value_or(0) > body_limit()) return refuse(http::error::body_limit);
  const bool upgrades = std::holds_alternative<Upgrading>(method_->run);
  if (upgrades && view(head[http::field::upgrade]) != "weft-frames") {
    return told(426, error(Code::Usage, "the method needs Upgrade: weft-frames"));
  }
  framing_ = view(head[http::field::accept]).find("text/event-stream") != std::string_view::npos
                 ? Framing::ServerSentEvents
                 : Framing::JsonLines;
  if (view(head[http::field::expect]) != "100-continue") return read_body();
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    kept([](Session& self, const ErrorCode& fault, size_t) {
                      if (fault) return self.close();
                      self.read_body();
                    }));
}

void Session::read_body() {
  http::async_read(socket_, buffer_, *parser_, kept([](Session& self, const ErrorCode& fault, size_t) {
                     if (fault) return self.refuse(fault);
                     self.take_request();
                   }));
}

void Session::take_request() {
  stop_timer();
  if (buffer_.size() != 0) {
    return answer_and_close(
        http_error(400, error(Code::Usage, "a request must wait for the answer to the one before"), Connection::Close));
  }
  if (options_.elsewhere) {
    auto there = options_.elsewhere(*method_);
    if (!there.ok()) return answer(http_error(there.error(), connection()));
    if (*there) return forward(**std::move(there));
  }
  const std::unique_ptr<Message> request(method_->request->New());
  const auto parsed = schema::read_json_text(parser_->get().body(), *request);
  parser_.reset();
  if (!parsed.ok()) return answer(http_error(parsed.error(), connection()));
  std::visit([&](const auto& call) { run(call, *request); }, method_->run);
}

// The whole request, once; what comes back and what follows are bytes.
void Session::forward(os::Fd there) {
  const auto other = std::make_shared<Socket>(socket_.get_executor());
  boost::system::error_code fault;
  other->assign(boost::asio::local::stream_protocol(), there.get(), fault);
  if (fault) return answer(http_error(error(Code::Failed, "forward the request: {}", fault.message()), connection()));
  there.release();
  const auto shape = std::holds_alternative<Upgrading>(method_->run) ? Shape::Upgrade : Shape::Plain;
  out_ = http_forwarded(method_name_, caller_, framing_, shape, parser_->get().body());
  parser_.reset();
  asio::async_write(*other, asio::buffer(out_), kept([other](Session& self, const ErrorCode& write_fault, size_t) {
    if (!write_fault) return self.relay(other);
    const auto away = error(Code::Unavailable, "who answers that has just gone: try again");
    self.answer_and_close(http_error(away, Connection::Close));
  }));
}

void Session::relay(const std::shared_ptr<Socket>& other) {
  const auto ended = [weak = weak_from_this()] {
    if (const auto session = weak.lock()) session->close();
  };
  relay_ = std::make_shared<Relay>(std::move(socket_), std::move(*other), ended);
  relay_->start();
}

void Session::run(const Unary& unary, const Message& request) {
  watch_peer();
  if (closed_) return;
  awaiting_ = true;
  Pending pending = unary(caller_, request, [weak = weak_from_this()](Result<std::unique_ptr<Message>> result) {
    const auto self = weak.lock();
    if (self && !self->closed_ && self->awaiting_) self->finish(result);
  });
  if (awaiting_) pending_ = std::move(pending);
}

void Session::finish(const Result<std::unique_ptr<Message>>& result) {
  awaiting_ = false;
  pending_.reset();
  answer(result.ok() ? http_answer(200, schema::to_json_text(**result), connection())
                     : http_error(result.error(), connection()));
}

void Session::run(const Streaming& streaming, const Message& request) {
  auto stream = streaming(caller_, request);
  if (!stream.ok()) return answer(http_error(stream.error(), connection()));
  stream_ = *std::move(stream);
  watch_peer();
  if (closed_) return;
  write_stream(http_stream_head(framing_, connection()), [this] { pump(); });
}

// Writes what there is, and comes back when there is more.
void Session::pump() {
  auto items = stream_->take(kItemsAtOnce);
  if (!items.ok()) {
    return end_stream(http_chunk(frame_item(framing_, error_json(items.error()))) + http_last_chunk());
  }
  if (!items->empty()) {
    std::string text;
    for (const auto& item : *items) text += frame_item(framing_, schema::to_json_text(*item));
    return write_stream(http_chunk(text), [this] { pump(); });
  }
  if (stream_->ended()) return end_stream(http_last_chunk());
  stream_->when_ready([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    asio::post(self->socket_.get_executor(), self->kept([](Session& session) { session.pump(); }));
  });
}

void Session::write_stream(std::string text, std::function<void()> then) {
  out_ = std::move(text);
  asio::async_write(socket_, asio::buffer(out_), kept([then](Session& self, const ErrorCode& fault, size_t) {
                      if (fault) return self.close();
                      then();
                    }));
}

void Session::end_stream(std::string text) {
  stream_.reset();
  answer(std::move(text));
}

void Session::run(const Upgrading& upgrading, const Message& request) {
  auto opened = upgrading(caller_, request);
  if (!opened.ok()) return answer(http_error(opened.error(), connection()));
  Socket other(socket_.get_executor());
  boost::system::error_code fault;
  other.assign(boost::asio::local::stream_protocol(), opened->get(), fault);
  if (fault)
    return answer(http_error(error(Code::Failed, "take the connection over: {}", fault.message()), connection()));
  opened->release();
  const auto shared = std::make_shared<Socket>(std::move(other));
  asio::async_write(socket_, asio::buffer(kUpgraded.data(), kUpgraded.size()),
                    kept([shared](Session& self, const ErrorCode& write_fault, size_t) {
                      if (write_fault) return self.close();
                      self.relay(shared);
                    }));
}

void Session::answer(std::string text) {
  if (!keep_alive_) return answer_and_close(std::move(text));
  set_timer(limits_.answer_time);
  out_ = std::move(text);
  asio::async_write(socket_, asio::buffer(out_), kept([](Session& self, const ErrorCode& fault, size_t) {
                      if (fault) return self.close();
                      self.await_request();
                    }));
}

void Session::answer_and_close(std::string text) {
  set_timer(limits_.answer_time);
  out_ = std::move(text);
  asio::async_write(socket_, asio::buffer(out_), kept([](Session& self, const ErrorCode&, size_t) { self.close(); }));
}

// A peer that has only closed its sending side still wants its answer: both
// sides closed is what counts (POLLHUP). The loop sees the change only, so what
// was so before is looked at first.
void Session::watch_peer() {
  pollfd now{.fd = socket_.native_handle(), .events = 0, .revents = 0};
  if (::poll(&now, 1, 0) > 0 && (now.revents & (POLLHUP | POLLERR)) != 0) return close();
  if (watched_) return;
  watched_ = true;
  socket_.async_wait(Socket::wait_error, kept([](Session& self, const ErrorCode& fault) {
                       self.watched_ = false;
                       if (!fault) self.close();
                     }));
}

}  // namespace weft::api
