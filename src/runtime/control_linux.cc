#include "runtime/control_linux.h"

namespace weft::runtime {

using boost::asio::posix::stream_descriptor;

Control::Control(boost::asio::io_context& loop, workload::ShimClient client, Callbacks callbacks)
    : client_(std::move(client)), descriptor_(loop), callbacks_(std::move(callbacks)) {}

Result<std::shared_ptr<Control>> Control::open(boost::asio::io_context& loop, workload::ShimClient client,
                                               Callbacks callbacks) {
  std::shared_ptr<Control> control(new Control(loop, std::move(client), std::move(callbacks)));
  boost::system::error_code fault;
  control->descriptor_.assign(control->client_.fd(), fault);
  if (fault) return base::errno_error("watch a shim", fault.value());
  (void)control->client_.flush();
  control->write_later();
  control->read_later();
  return control;
}

Control::~Control() { leave(); }

// The client closes what the descriptor only watches.
void Control::leave() {
  if (descriptor_.is_open()) descriptor_.release();
}

void Control::send(workload::FrameType type, std::string_view payload) {
  client_.send(type, payload);
  // A shim that has closed is heard of by reading.
  (void)client_.flush();
  write_later();
}

void Control::read_later() {
  descriptor_.async_wait(stream_descriptor::wait_read, [weak = weak_from_this()](boost::system::error_code fault) {
    const auto self = weak.lock();
    if (self && !fault) self->receive();
  });
}

void Control::write_later() {
  if (!client_.wants_write()) return;
  descriptor_.async_wait(stream_descriptor::wait_write, [weak = weak_from_this()](boost::system::error_code fault) {
    const auto self = weak.lock();
    if (!self || fault) return;
    (void)self->client_.flush();
    self->write_later();
  });
}

void Control::receive() {
  while (true) {
    const auto frame = client_.receive();
    if (!frame.ok()) return close(frame.error());
    if (!*frame) return read_later();
    callbacks_.on_frame(**frame);
    if (!descriptor_.is_open()) return;
  }
}

void Control::close(const Error& error) {
  leave();
  callbacks_.on_close(error);
}

}  // namespace weft::runtime
