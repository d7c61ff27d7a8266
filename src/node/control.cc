// The control plane as a process: keeps what is agreed and answers for it. What
// goes on at the machine the data plane says, to whom requests for it go as they
// are. It touches nothing of the machine but its own files.
#include <spdlog/spdlog.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>

#include "api/http_server.h"
#include "base/text.h"
#include "diagnosis/metrics.h"
#include "diagnosis/status.h"
#include "feed/connection.h"
#include "feed/enforcement.h"
#include "feed/facts.h"
#include "feed/source.h"
#include "node/agreement.h"
#include "node/daemon.h"
#include "node/identity.h"
#include "node/trusted.h"
#include "os/clock.h"
#include "os/unix_socket.h"

namespace weft::node {

namespace {

using base::Code;
using boost::asio::local::stream_protocol;

constexpr auto kPulse = std::chrono::seconds(1);
constexpr size_t kMostPeers = 8;  // one follows; the others have yet to say hello
constexpr base::Duration kHelloTime = std::chrono::seconds(5);
constexpr size_t kMostAnnounced = 1024;  // more than there are between an announcement and its entry

feed::Enforcement::Now clocks_now() { return {.boot = os::now_boot(), .wall = os::now_wall()}; }

class Control : public Daemon, public api::Backend, private feed::Log {
 public:
  Control(boost::asio::io_context& loop, Options options)
      : loop_(loop),
        options_(std::move(options)),
        rng_(os::random_seed()),
        enforcement_(clocks_now()),
        acceptor_(loop),
        pulse_timer_(loop) {}
  ~Control() override {
    for (const auto& peer : peers_) peer->connection->close();
  }

  Result<> open();

  // api::Backend: what is agreed
  const model::State& state() const override { return agreement_->ledger().state(); }
  uint64_t revision() const override { return agreement_->ledger().revision(); }
  void commit(model::Command command, std::function<void(Result<uint64_t>)> done) override;
  Result<model::Changes> rehearse(const model::Command& command) override {
    return agreement_->ledger().rehearse(command);
  }
  std::string read_only() const override { return agreement_->ledger().read_only(); }
  base::WallTime now() const override { return os::now_wall(); }
  base::Rng& rng() override { return rng_; }
  const api::Identity& identity() const override { return identity_; }

  // api::Backend: what goes on, as far as it is known without the data plane
  Result<std::optional<api::RunStatus>> status(const model::WorkloadId& id) const override;
  void start_attached(const model::WorkloadId& id) override;
  std::string netns_path(const model::WorkloadId& id) const override { return options_.netns_path(id); }
  std::string resolv_conf_path(const model::WorkloadId& id) const override { return options_.resolv_conf_path(id); }
  std::vector<api::Problem> problems() const override;
  std::string metrics() const override;
  std::vector<api::Check> doctor() override;
  uint64_t flows_of(const model::RuleId&) const override { return 0; }
  uint64_t flows_of(const model::AclRuleId&) const override { return 0; }
  api::TniCounters counters(const model::TniId&) const override { return {}; }
  std::vector<std::string> held_for(const model::AnyId&) const override { return {}; }
  Result<std::unique_ptr<api::Stream<api::RunStatus>>> exit_of(const model::WorkloadId&) override { return away(); }
  Result<std::shared_ptr<void>> await_wanted(const model::WorkloadId&, std::function<void()>) override {
    return away();
  }
  Result<os::Fd> attach(const model::WorkloadId&, const std::optional<workload::Progress>&) override { return away(); }
  Result<os::Fd> exec(const api::Exec&) override { return away(); }
  Result<std::unique_ptr<api::Stream<api::LogLine>>> logs(const api::LogQuery&) override { return away(); }
  Result<api::Trace> trace(const api::TraceQuery&) override { return away(); }
  Result<std::unique_ptr<api::Stream<api::FlowRecord>>> flows(const api::FlowQuery&) override { return away(); }
  Result<std::unique_ptr<api::Stream<api::Event>>> events(const api::EventQuery&) override { return away(); }

 private:
  struct Peer {
    std::shared_ptr<feed::Connection> connection;
    feed::Source source;
    base::BootTime since;
  };

  // feed::Log
  const std::string& cluster() const override { return agreement_->ledger().cluster(); }
  const model::MachineId& machine() const override { return agreement_->machine(); }
  std::vector<model::Object> objects() const override { return agreement_->ledger().durable_objects(); }
  std::optional<std::vector<store::Entry>> entries_behind(uint64_t behind, size_t most) const override {
    return agreement_->ledger().entries_behind(behind, most);
  }

  Result<> listen();
  void accept();
  void meet(os::Fd socket);
  Result<> hear(Peer& peer, std::string_view bytes);
  void take_one(const feed::Hello&) {}
  void take_one(const feed::Enforced& enforced);
  void take_one(const feed::Run& run);
  void take_one(const feed::Ended& ended);
  void replace_data(Peer& peer);
  void drop(const Peer* peer, const Error& why);
  void hand_out(store::Entry entry, const model::Changes& changes);
  void pulse();
  void gather_problems();
  Result<std::optional<os::Fd>> elsewhere(const api::Method& method) const;
  std::string since() const { return base::format_time(enforcement_.away_since().value_or(now())); }
  Error absence() const;
  Error away() const { return absence().within("what goes on can't be asked"); }

  boost::asio::io_context& loop_;
  Options options_;
  base::Rng rng_;
  api::Identity identity_;
  api::AddressCursors cursors_;
  feed::Enforcement enforcement_;
  std::set<std::shared_ptr<Peer>> peers_;
  Peer* data_ = nullptr;  // the one of them who follows
  std::string refusal_;   // of the peer that was refused last
  std::string logged_;    // why one went, last
  feed::Facts facts_;
  std::set<model::WorkloadId> announced_;
  diagnosis::Problems problems_;
  std::unique_ptr<Agreement> agreement_;
  stream_protocol::acceptor acceptor_;
  enum class Accepting { No, Yes } accepting_ = Accepting::No;
  boost::asio::steady_timer pulse_timer_;
  std::unique_ptr<api::Dispatch> dispatch_;
  std::unique_ptr<api::Server> server_;
};

Result<> Control::open() {
  agreement_ = TRY(Agreement::open(
      loop_, options_, rng_,
      {.changed = [](const model::Changes&) {},
       .durable = [this](store::Entry entry, const model::Changes& changes) { hand_out(std::move(entry), changes); }}));
  identity_ = identity_of(options_, agreement_->machine());
  TRY_VOID(listen());
  dispatch_ = api::make_dispatch(*this);
  server_ = TRY(api::Server::listen(
      loop_, *dispatch_,
      {.path = options_.socket, .roles = usual_roles(), .forwarder = {}, .elsewhere = [this](const auto& method) {
         return elsewhere(method);
       }}));
  pulse();
  return {};
}

// Done is what is durable and enforced.
void Control::commit(model::Command command, std::function<void(Result<uint64_t>)> done) {
  auto accepted = agreement_->ledger().commit(std::move(command), [this, done](Result<uint64_t> revision) {
    if (!revision.ok()) return done(std::move(revision));
    enforcement_.await(*revision, done);
  });
  if (!accepted.ok()) done(std::move(accepted).error());
}

void Control::hand_out(store::Entry entry, const model::Changes& changes) {
  std::vector<model::WorkloadId> attached;
  for (const model::Change& change : changes) {
    const auto* workload = change.after ? std::get_if<model::Workload>(&*change.after) : nullptr;
    if (workload != nullptr && announced_.erase(workload->id) != 0) attached.push_back(workload->id);
    const auto* gone = change.after ? nullptr : std::get_if<model::Workload>(&*change.before);
    if (gone != nullptr) facts_.forget(gone->id);
  }
  if (data_ == nullptr) return;
  const auto message = data_->source.next(
      {.revision = entry.revision, .command = std::move(entry.bytes), .attached = std::move(attached)});
  if (message) data_->connection->send(feed::encode(*message));
}

// A request for what goes on, while there is somebody who knows.
Result<std::optional<os::Fd>> Control::elsewhere(const api::Method& method) const {
  if (method.effect == api::Effect::Write || enforcement_.away_since()) return std::optional<os::Fd>();
  return std::optional(TRY(connect_trusted(options_.data_socket()).within("ask the data plane")));
}

Error Control::absence() const {
  return error(Code::Unavailable, "the data plane is away since {} (systemctl start {})", since(), options_.service());
}

Result<std::optional<api::RunStatus>> Control::status(const model::WorkloadId& id) const {
  if (!facts_.known()) return absence();
  const auto state = facts_.find(id);
  return state ? std::optional(api::RunStatus{.state = *state}) : std::nullopt;
}

std::vector<api::Problem> Control::problems() const {
  std::vector<api::Problem> all = problems_.all();
  if (enforcement_.away_since()) return all;
  all.insert(all.end(), facts_.problems().begin(), facts_.problems().end());
  return all;
}

void Control::start_attached(const model::WorkloadId& id) {
  if (announced_.size() == kMostAnnounced) announced_.clear();
  announced_.insert(id);
}

std::string Control::metrics() const {
  diagnosis::Measured measured =
      diagnosis::measure_state(state(), [this](const auto& id) { return status(id).value_or(std::nullopt); });
  measured.version = identity_.version;
  measured.revision = revision();
  measured.store = read_only().empty() ? diagnosis::Measured::Store::Writable : diagnosis::Measured::Store::ReadOnly;
  measured.problems = problems_.all().size();
  return diagnosis::to_prometheus(measured);
}

std::vector<api::Check> Control::doctor() {
  return {{.check = "data plane",
           .health = api::Health::Bad,
           .what = "away since " + since(),
           .advice = "systemctl start " + options_.service()}};
}

Result<> Control::listen() {
  os::Fd socket = TRY(os::listen_unix(options_.feed_socket(), 0600));
  boost::system::error_code fault;
  acceptor_.assign(stream_protocol(), socket.get(), fault);
  if (fault) return error(Code::Failed, "listen at {}: {}", options_.feed_socket(), fault.message());
  socket.release();
  accept();
  return {};
}

void Control::accept() {
  if (std::exchange(accepting_, Accepting::Yes) == Accepting::Yes) return;
  acceptor_.async_accept([this](const boost::system::error_code& fault, stream_protocol::socket socket) {
    if (fault == boost::asio::error::operation_aborted) return;
    accepting_ = Accepting::No;
    if (fault) return;  // no descriptor is left: the pulse tries again
    meet(os::Fd(socket.release()));
    accept();
  });
}

void Control::meet(os::Fd socket) {
  if (const auto trusted = os::check_peer(socket.get()); !trusted.ok()) {
    return spdlog::warn("feed: {}", trusted.error().what);
  }
  if (peers_.size() == kMostPeers)
    return spdlog::warn("feed: {} connections are open, the most there may be", kMostPeers);
  auto connection = feed::Connection::open(loop_, std::move(socket), feed::kLargestToControl);
  if (!connection.ok()) return spdlog::warn("feed: {}", connection.error().what);
  const auto peer = std::make_shared<Peer>(Peer{*connection, feed::Source(*this), os::now_boot()});
  peers_.insert(peer);
  const auto heard = [this, p = peer.get()](const std::string& bytes) {
    auto outcome = hear(*p, bytes);
    if (!outcome.ok()) refusal_ = outcome.error().what;
    return outcome;
  };
  peer->connection->start({.message = heard, .ended = [this, p = peer.get()](const Error& why) { drop(p, why); }});
}

Result<> Control::hear(Peer& peer, std::string_view bytes) {
  const auto message = TRY(feed::parse_to_control(bytes));
  const auto answers = TRY(peer.source.take(message));
  if (std::holds_alternative<feed::Hello>(message)) replace_data(peer);
  for (const feed::ToData& answer : answers) peer.connection->send_whatever_it_takes(feed::encode(answer));
  std::visit([this](const auto& one) { take_one(one); }, message);
  return {};
}

// There is one data plane: who says hello last.
void Control::replace_data(Peer& peer) {
  if (data_ != nullptr) drop(data_, error(Code::Conflict, "another one follows"));
  data_ = &peer;
  facts_.begin();
  refusal_.clear();
  logged_.clear();
  spdlog::info("a data plane follows");
}

// What came with it is known before anybody is answered because of it.
void Control::take_one(const feed::Enforced& enforced) {
  facts_.take(enforced);
  enforcement_.heard(clocks_now(), enforced.revision);
}

// One that has gone meanwhile is of no interest any more.
void Control::take_one(const feed::Run& run) {
  if (state().find(run.workload) != nullptr) facts_.take(run);
}

void Control::take_one(const feed::Ended& ended) {
  remove_ended(*this, cursors_, ended.workload, [id = ended.workload](const Result<uint64_t>& revision) {
    if (!revision.ok()) spdlog::warn("workload {} stays: {}", id.text, revision.error().what);
  });
}

void Control::drop(const Peer* peer, const Error& why) {
  const bool is_data = peer == data_;
  peer->connection->close();
  std::erase_if(peers_, [peer](const auto& held) { return held.get() == peer; });
  if (why.what != logged_) spdlog::info("feed: {}", logged_ = why.what);
  if (!is_data) return;
  data_ = nullptr;
  enforcement_.lost(clocks_now());
  gather_problems();
}

void Control::pulse() {
  const base::BootTime now = os::now_boot();
  for (const auto& peer : std::set(peers_)) {
    if (!peer->source.greeted() && now - peer->since > kHelloTime) {
      drop(peer.get(), error(Code::TimedOut, "a connection without a hello"));
    }
  }
  if (data_ != nullptr) data_->connection->send(feed::encode(feed::ToData(feed::Pulse{.read_only = read_only()})));
  accept();
  agreement_->ledger().retry();
  enforcement_.tick(clocks_now());
  gather_problems();
  pulse_timer_.expires_after(kPulse);
  pulse_timer_.async_wait([this](const auto& fault) {
    if (!fault) pulse();
  });
}

void Control::gather_problems() {
  std::vector<diagnosis::Complaint> complaints =
      diagnosis::machine_complaint("the agreed state is read-only", read_only());
  if (enforcement_.away_since()) {
    complaints.push_back({{}, "the data plane is away: traffic and workloads go on as they are, changes wait"});
    if (!refusal_.empty()) complaints.push_back({{}, "a data plane was refused: " + refusal_});
  }
  problems_.update(now(), complaints);
}

}  // namespace

Result<std::unique_ptr<Daemon>> open_control(boost::asio::io_context& loop, const Options& options) {
  auto control = std::make_unique<Control>(loop, options);
  TRY_VOID(control->open());
  return std::unique_ptr<Daemon>(std::move(control));
}

}  // namespace weft::node
