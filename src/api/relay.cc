#include "api/relay.h"

#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace weft::api {

namespace asio = boost::asio;
using boost::system::error_code;

void Relay::start() {
  pump(left_, right_, there_);
  pump(right_, left_, back_);
}

void Relay::pump(Socket& from, Socket& to, Pipe& pipe) {
  from.async_read_some(asio::buffer(pipe.bytes),
                       [this, self = shared_from_this(), &from, &to, &pipe](const error_code& fault, size_t count) {
                         if (closed_) return;
                         if (fault == asio::error::eof) return half_ended(from, to);
                         if (fault) return close();
                         asio::async_write(to, asio::buffer(pipe.bytes, count),
                                           [this, self, &from, &to, &pipe](const error_code& write_fault, size_t) {
                                             if (closed_) return;
                                             // Who takes no more may still have more to say.
                                             if (write_fault && &to == &right_) return half_ended(from, to);
                                             if (write_fault) return close();
                                             pump(from, to, pipe);
                                           });
                       });
}

void Relay::half_ended(Socket& from, Socket& to) {
  error_code ignored;
  to.shutdown(Socket::shutdown_send, ignored);
  if (++halves_ended_ == 2) return close();
  if (&from == &left_) close_when_gone(from);
}

// The loop tells of a change only, so what was so before is looked at first.
void Relay::close_when_gone(Socket& from) {
  pollfd now{.fd = from.native_handle(), .events = 0, .revents = 0};
  if (::poll(&now, 1, 0) > 0 && (now.revents & (POLLHUP | POLLERR)) != 0) return close();
  from.async_wait(Socket::wait_error, [this, self = shared_from_this()](const error_code& fault) {
    if (!fault) close();
  });
}

void Relay::close() {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  left_.close(ignored);
  right_.close(ignored);
  ended_();
}

}  // namespace weft::api
