// ShimClient: a connection to the parent of one workload, for an event loop:
// watch fd() for reading (and for writing while wants_write()), then call
// flush() and receive() until it has nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "workload/shim_protocol.h"
#include "workload/spec.h"

namespace weft::workload {

class ShimClient {
 public:
  // NotFound: no shim listens in this directory (DIR/status says how it ended).
  static Result<ShimClient> connect(const std::string& directory);
  // A stream socket that is connected already. It becomes non-blocking.
  static Result<ShimClient> adopt(os::Fd socket);

  int fd() const { return socket_.get(); }

  // Queued; flush() sends as much as the socket takes.
  void send(FrameType type, std::string_view payload = {});
  bool wants_write() const { return !out_.empty(); }
  Result<> flush();

  // The next frame, if a whole one is there. Unavailable: the shim has closed.
  Result<std::optional<Frame>> receive();

  // For tools and tests: waits for the next frame, sending what is queued.
  Result<Frame> wait(base::Duration longest);

 private:
  explicit ShimClient(os::Fd socket) : socket_(std::move(socket)) {}
  Result<bool> read_some();

  os::Fd socket_;
  FrameReader in_;
  std::string out_;
};

// Writes DIR/spec and starts weft-shim for DIR, an existing directory of
// root's. Returns once the shim listens and is a process of its own, no child
// of the caller's. `first` is what the connection sends; the shim reads it
// before it starts the command, so an owner misses none of its output.
Result<ShimClient> start_shim(const std::string& program, const std::string& directory, const Spec& spec,
                              const std::vector<Frame>& first);

// What DIR/status says; NotFound if no shim ever ran there.
Result<Status> read_status(const std::string& directory);

}  // namespace weft::workload
