#include "node/agreement.h"

#include <boost/asio/post.hpp>

#include "api/settle.h"
#include "node/found.h"
#include "node/identity.h"
#include "os/clock.h"
#include "os/netlink_route.h"
#include "os/unix_socket.h"

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

namespace {

// Where the machine has a way to. A process that may not ask the kernel sees none.
std::vector<net::Prefix> read_ways() {
  auto netlink = os::Netlink::open();
  if (!netlink.ok()) return {};
  const auto routes = os::read_routes(*netlink, os::kMainTable);
  std::vector<net::Prefix> ways;
  for (const os::Route& route : routes.ok() ? *routes : std::vector<os::Route>()) ways.push_back(route.to);
  return ways;
}

}  // namespace

// An instance that is founded at the same moment has no route yet.
net::Prefix Agreement::choose_range() {
  auto taken = read_ways();
  net::Prefix range = default_range(taken);
  for (size_t tries = 0; tries < kDefaultRanges; ++tries, range = default_range(taken)) {
    auto claim = os::claim_name("weft " + range.text());
    if (claim.ok()) {
      claim_ = std::move(*claim);
      break;
    }
    taken.push_back(range);
  }
  return range;
}

Result<> Agreement::found(boost::asio::io_context& loop, base::Rng& rng) {
  const auto command = found_cluster(name_from_host(host_name()), choose_range(), os::now_wall(), rng);
  Result<> outcome;
  auto accepted = ledger_->commit(command, [&](Result<uint64_t> revision) {
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
