// The daemon: the agreed state, the targets that carry it out, and the API, on
// one loop. It wires; what is decided, is decided in the modules.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "node/options.h"

namespace weft::node {

class Daemon {
 public:
  // Takes the instance over: finds what is in the kernel and what runs, brings
  // both to the agreed state and listens. Founds a cluster where there is none.
  static Result<std::unique_ptr<Daemon>> open(boost::asio::io_context& loop, const Options& options);
  virtual ~Daemon() = default;
};

// Ends everything of the instance on this machine except its agreed state: the
// workloads, their namespaces and devices, the BPF objects. weftd must not run.
Result<> remove_instance(const Options& options);

}  // namespace weft::node
