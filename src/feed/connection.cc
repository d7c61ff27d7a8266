#include "feed/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace weft::feed {

namespace asio = boost::asio;
using base::Code;
using boost::system::error_code;

Result<std::shared_ptr<Connection>> Connection::open(asio::io_context& loop, os::Fd socket, size_t largest) {
  std::shared_ptr<Connection> connection(new Connection(loop, largest));
  error_code fault;
  connection->socket_.assign(asio::local::stream_protocol(), socket.get(), fault);
  if (fault) return error(Code::Failed, "take the feed's connection: {}", fault.message());
  socket.release();
  return connection;
}

void Connection::start(Events events) {
  events_ = std::move(events);
  read();
}

void Connection::read() {
  socket_.async_read_some(asio::buffer(in_), [this, self = shared_from_this()](const error_code& fault, size_t count) {
    if (phase_ == Phase::Closed) return;
    if (fault) return end(error(Code::Unavailable, "the feed's connection ended: {}", fault.message()));
    if (const auto taken = take({in_.data(), count}); !taken.ok()) return end(taken.error());
    if (phase_ == Phase::Open) read();
  });
}

Result<> Connection::take(std::string_view bytes) {
  reader_.feed(bytes);
  while (phase_ == Phase::Open) {
    auto message = TRY(reader_.next());
    if (!message) return {};
    TRY_VOID(events_.message(*std::move(message)));
  }
  return {};
}

void Connection::send(std::string_view message) {
  if (phase_ == Phase::Closed) return;
  queue_ += frame(message);
  if (queue_.size() + writing_.size() > kMostQueued + allowance_) {
    return asio::post(socket_.get_executor(), [self = shared_from_this()] {
      self->end(error(Code::Limit, "the other plane doesn't read: {} bytes wait for it", self->queue_.size()));
    });
  }
  if (writing_.empty()) write();
}

void Connection::send_whatever_it_takes(std::string_view message) {
  allowance_ += message.size() + sizeof(uint32_t);
  send(message);
}

void Connection::write() {
  writing_ = std::exchange(queue_, {});
  asio::async_write(socket_, asio::buffer(writing_),
                    [this, self = shared_from_this()](const error_code& fault, size_t) {
                      if (phase_ == Phase::Closed) return;
                      if (fault)
                        return end(error(Code::Unavailable, "the feed's connection ended: {}", fault.message()));
                      writing_.clear();
                      if (!queue_.empty()) return write();
                      allowance_ = 0;
                    });
}

void Connection::close() {
  if (phase_ == Phase::Closed) return;
  phase_ = Phase::Closed;
  error_code ignored;
  socket_.close(ignored);
}

void Connection::end(const Error& why) {
  if (phase_ == Phase::Closed) return;
  close();
  const auto ended = std::move(events_.ended);
  events_ = {};
  ended(why);
}

}  // namespace weft::feed
