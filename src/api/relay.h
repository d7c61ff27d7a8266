// Carries bytes both ways between two connections until both directions ended,
// or the left one's peer is gone.
#pragma once

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>

namespace weft::api {

class Relay : public std::enable_shared_from_this<Relay> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  Relay(Socket left, Socket right, std::function<void()> ended)
      : left_(std::move(left)), right_(std::move(right)), ended_(std::move(ended)) {}

  void start();
  void close();

 private:
  // What one end has sent and the other not yet taken.
  struct Pipe {
    std::array<char, 32 * 1024> bytes;
  };

  void pump(Socket& from, Socket& to, Pipe& pipe);
  void half_ended(Socket& from, Socket& to);
  // One who has said all and is gone takes no answer either.
  void close_when_gone(Socket& from);

  Socket left_;
  Socket right_;
  std::function<void()> ended_;
  Pipe there_;
  Pipe back_;
  int halves_ended_ = 0;
  bool closed_ = false;
};

}  // namespace weft::api
