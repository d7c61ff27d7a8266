// The daemon: the agreed state, the targets that carry it out, and the API, on
// one loop; or one half of it, which meets the other over the feed's socket. It
// wires; what is decided, is decided in the modules.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "node/options.h"

namespace weft::node {

class Daemon {
 public:
  // Takes the instance over: finds what is in the kernel and what runs, brings
  // both to the agreed state and listens. Founds a cluster where there is none. A
  // data plane waits for its control plane; without it until the loop is stopped.
  static Result<std::unique_ptr<Daemon>> open(boost::asio::io_context& loop, const Options& options);
  virtual ~Daemon() = default;
  // Why it stopped the loop by itself.
  virtual Result<> outcome() const { return {}; }
};

// One for each role; open() chooses.
Result<std::unique_ptr<Daemon>> open_whole(boost::asio::io_context& loop, const Options& options);
Result<std::unique_ptr<Daemon>> open_control(boost::asio::io_context& loop, const Options& options);
Result<std::unique_ptr<Daemon>> open_data(boost::asio::io_context& loop, const Options& options);

// Ends everything of the role's on this machine except the agreed state: the
// workloads, their namespaces and devices, the BPF objects. It must not run.
Result<> remove_instance(const Options& options);

}  // namespace weft::node
