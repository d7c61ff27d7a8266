// Control: the connection to a living parent, on the loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "workload/shim_client.h"

namespace weft::runtime {

class Control : public std::enable_shared_from_this<Control> {
 public:
  struct Callbacks {
    std::function<void(const workload::Frame&)> on_frame;
    std::function<void(const Error&)> on_close;  // the last that is heard
  };
  // Sends what the client has queued. Callbacks come from the loop, and none after leave() or the Control's end.
  static Result<std::shared_ptr<Control>> open(boost::asio::io_context& loop, workload::ShimClient client,
                                               Callbacks callbacks);
  ~Control();

  void send(workload::FrameType type, std::string_view payload = {});
  // Also from within a callback.
  void leave();

 private:
  Control(boost::asio::io_context& loop, workload::ShimClient client, Callbacks callbacks);
  void read_later();
  void write_later();
  void receive();
  void close(const Error& error);

  workload::ShimClient client_;
  boost::asio::posix::stream_descriptor descriptor_;
  Callbacks callbacks_;
};

}  // namespace weft::runtime
