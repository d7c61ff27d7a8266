// Both planes in one process: what is agreed is carried out at once, while the
// disk still writes; what the disk refuses is taken back.
#include "api/http_server.h"
#include "node/agreement.h"
#include "node/daemon.h"
#include "node/data_plane.h"
#include "node/identity.h"

namespace weft::node {

namespace {

class Whole : public Daemon, public DataPlane {
 public:
  using DataPlane::DataPlane;

  Result<> open();

  const model::State& state() const override { return agreement_->ledger().state(); }
  uint64_t revision() const override { return agreement_->ledger().revision(); }
  void commit(model::Command command, std::function<void(Result<uint64_t>)> done) override {
    auto accepted = agreement_->ledger().commit(std::move(command), done);
    if (!accepted.ok()) done(std::move(accepted).error());
  }
  Result<model::Changes> rehearse(const model::Command& command) override {
    return agreement_->ledger().rehearse(command);
  }
  std::string read_only() const override { return agreement_->ledger().read_only(); }

 private:
  void look_around() override { agreement_->ledger().retry(); }
  void on_ended(const model::WorkloadId& id) override {
    remove_ended(*this, cursors_, id, [this, id](const Result<uint64_t>& revision) {
      if (!revision.ok()) tell("workload.kept", id.text, "", revision.error().what);
    });
  }

  api::AddressCursors cursors_;
  std::unique_ptr<Agreement> agreement_;
  std::unique_ptr<api::Dispatch> dispatch_;
  std::unique_ptr<api::Server> server_;
};

// The order is that of a power cycle: first the agreed state, then what carries
// it out, at last the door, so that nobody is answered before it is true.
Result<> Whole::open() {
  TRY_VOID(prepare());
  agreement_ = TRY(
      Agreement::open(loop(), options(), rng(),
                      {.changed = [this](const model::Changes& changes) { carry_out(changes); }, .durable = nullptr}));
  TRY_VOID(take_over(agreement_->machine()));
  dispatch_ = api::make_dispatch(*this);
  server_ = TRY(api::Server::listen(loop(), *dispatch_, {.path = options().socket, .roles = usual_roles()}));
  return {};
}

}  // namespace

Result<std::unique_ptr<Daemon>> open_whole(boost::asio::io_context& loop, const Options& options) {
  auto whole = std::make_unique<Whole>(loop, options);
  TRY_VOID(whole->open());
  return std::unique_ptr<Daemon>(std::move(whole));
}

}  // namespace weft::node
