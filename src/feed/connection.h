// One end of the feed's Unix socket: messages in, and out of a bounded queue.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>

#include "feed/message.h"
#include "os/fd.h"

namespace weft::feed {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Events {
    // An error ends the connection.
    std::function<Result<>(std::string message)> message;
    // Once, with the reason; not after close(). It may destroy what owns us.
    std::function<void(const Error&)> ended;
  };

  // `largest`: of the messages that come in.
  static Result<std::shared_ptr<Connection>> open(boost::asio::io_context& loop, os::Fd socket, size_t largest);

  void start(Events events);
  // A peer that doesn't read, so that more than kMostQueued wait, is let go.
  void send(std::string_view message);
  // The same for what is bounded by itself, as a snapshot is.
  void send_whatever_it_takes(std::string_view message);
  void close();

  static constexpr size_t kMostQueued = 16 << 20;

 private:
  using Socket = boost::asio::local::stream_protocol::socket;

  Connection(boost::asio::io_context& loop, size_t largest) : socket_(loop), reader_(largest) {}
  void read();
  Result<> take(std::string_view bytes);
  void write();
  void end(const Error& why);

  Socket socket_;
  FrameReader reader_;
  Events events_;
  enum class Phase { Open, Closed } phase_ = Phase::Open;
  std::array<char, 64 * 1024> in_;
  std::string queue_;     // frames
  std::string writing_;   // frames on their way
  size_t allowance_ = 0;  // of what is queued, that counts for nothing
};

}  // namespace weft::feed
