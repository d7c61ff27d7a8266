#include "node/agreement.h"

#include <boost/asio/post.hpp>

#include "api/settle.h"
#include "node/found.h"
#include "node/identity.h"
#include "os/clock.h"

namespace weft::node {

Result<std::unique_ptr<Agreement>> Agreement::open(boost::asio::io_context& loop, const Options& options,
                                                   base::Rng& rng, Ledger::Listener listener) {
  std::unique_ptr<Agreement> agreement(new Agreement);
  TRY_VOID(os::make_directories(options.run_directory, 0755));
  agreement->lock_ = TRY(os::FileLock::acquire(options.control_lock()).within("another weftd has this instance"));
  agreement->ledger_ = TRY(Ledger::open(
      {.directory = options.state_directory},
      [&loop](std::function<void()> run) { boost::asio::post(loop, std::move(run)); }, std::move(listener)));
  const auto& machines = agreement->ledger().state().all<model::Machine>();
  if (machines.empty()) TRY_VOID(agreement->found(loop, rng));
  agreement->machine_ = machines.begin()->first;
  return agreement;
}

Result<> Agreement::found(boost::asio::io_context& loop, base::Rng& rng) {
  Result<> outcome;
  auto accepted =
      ledger_->commit(found_cluster(name_from_host(host_name()), os::now_wall(), rng), [&](Result<uint64_t> revision) {
        if (!revision.ok()) outcome = revision.error();
      });
  TRY_VOID(accepted);
  // Nothing else is under way yet: the loop runs until the disk has answered.
  while (ledger_->revision() == 0 && outcome.ok()) loop.run_one();
  return outcome;
}

void remove_ended(api::Backend& backend, api::AddressCursors& cursors, const model::WorkloadId& id,
                  std::function<void(Result<uint64_t>)> done) {
  if (backend.state().find(id) == nullptr) return;
  api::Draft draft({.state = backend.state(),
                    .machine = backend.identity().machine,
                    .now = backend.now(),
                    .rng = backend.rng(),
                    .cursors = cursors});
  api::remove_workload(draft, id);
  backend.commit(draft.command("weftd"), std::move(done));
}

}  // namespace weft::node
