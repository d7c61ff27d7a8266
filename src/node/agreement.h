// The agreed half of a backend: the ledger of this machine's cluster, founded
// where there is none.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "api/backend.h"
#include "api/draft.h"
#include "node/ledger.h"
#include "node/options.h"
#include "os/file.h"

namespace weft::node {

class Agreement {
 public:
  static Result<std::unique_ptr<Agreement>> open(boost::asio::io_context& loop, const Options& options, base::Rng& rng,
                                                 Ledger::Listener listener);

  Ledger& ledger() { return *ledger_; }
  const Ledger& ledger() const { return *ledger_; }
  const model::MachineId& machine() const { return machine_; }

 private:
  Agreement() = default;
  Result<> found(boost::asio::io_context& loop, base::Rng& rng);
  net::Prefix choose_range();

  std::optional<os::FileLock> lock_;
  std::unique_ptr<Ledger> ledger_;
  model::MachineId machine_;
  os::Fd claim_;  // of the range that was founded; as long as this process lives
};

// Takes a workload away that was to go with its end. Without such a one nothing is
// done, and nobody is told.
void remove_ended(api::Backend& backend, api::AddressCursors& cursors, const model::WorkloadId& id,
                  std::function<void(Result<uint64_t>)> done);

}  // namespace weft::node
