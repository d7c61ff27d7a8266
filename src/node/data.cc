// The data plane as a process: follows the control plane, and goes on as it is
// while that is away.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "api/http_server.h"
#include "feed/connection.h"
#include "feed/enforcement.h"
#include "feed/follower.h"
#include "node/daemon.h"
#include "node/data_plane.h"
#include "node/identity.h"
#include "node/trusted.h"
#include "os/clock.h"

namespace weft::node {

namespace {

using base::Code;

// Between attempts to reach the control plane, and after it has hung up on us.
constexpr auto kRetry = std::chrono::milliseconds(200);
constexpr auto kRefused = std::chrono::seconds(2);
// The control plane forwards as many as it has, and root may ask by itself.
constexpr size_t kMostConnections = 512;

class Data : public Daemon, public DataPlane {
 public:
  Data(boost::asio::io_context& loop, Options options) : DataPlane(loop, std::move(options)), retry_timer_(loop) {}
  ~Data() override {
    if (connection_) connection_->close();
  }

  Result<> open();
  Result<> outcome() const override { return outcome_; }

  const model::State& state() const override { return follower_.state(); }
  uint64_t revision() const override { return follower_.revision(); }
  void commit(model::Command, std::function<void(Result<uint64_t>)> done) override { done(not_here()); }
  Result<model::Changes> rehearse(const model::Command&) override { return not_here(); }
  std::string read_only() const override {
    return control_ == Control::Away ? "the control plane is away" : follower_.read_only();
  }

 private:
  enum class Control { Away, There };

  void connect();
  void retry_after(std::chrono::milliseconds pause);
  Result<> begin();
  Result<> open_door();
  Result<> hear(std::string_view bytes);
  Result<> enforce(const feed::Follower::News& news);
  void report(const model::WorkloadId& id);
  void report_all();
  void lose(const Error& why);
  void set_control(Control control, const std::string& what);
  Result<> stop(Error why);
  void send(const feed::ToControl& message) {
    if (connection_) connection_->send(feed::encode(message));
  }
  Error not_here() const {
    return error(Code::Unavailable, "this is the data plane: changes are made at {}", options().socket);
  }

  void look_around() override;
  void on_status(const model::WorkloadId& id) override { report(id); }
  void on_ended(const model::WorkloadId& id) override {
    if (follower_.follows()) send(feed::Ended{.workload = id});
  }

  feed::Follower follower_;
  std::shared_ptr<feed::Connection> connection_;
  boost::asio::steady_timer retry_timer_;
  std::string refusal_;               // logged last
  Control control_ = Control::There;  // before the takeover there is nothing to tell
  base::BootTime heard_;
  Result<> outcome_;
  std::unique_ptr<api::Dispatch> dispatch_;
  std::unique_ptr<api::Server> server_;
};

// Nothing is changed before it is known what is agreed.
Result<> Data::open() {
  TRY_VOID(prepare());
  spdlog::info("waits for the control plane at {}", options().feed_socket());
  connect();
  while (!has_taken_over() && outcome_.ok() && !loop().stopped()) loop().run_one();
  TRY_VOID(outcome_);
  if (!has_taken_over()) return error(Code::Unavailable, "stopped while the control plane was away");
  return {};
}

Result<> Data::open_door() {
  dispatch_ = api::make_dispatch(*this);
  server_ = TRY(api::Server::listen(loop(), *dispatch_,
                                    {.path = options().data_socket(),
                                     .mode = 0600,
                                     .roles = {.admins = {}, .users = {{geteuid(), api::Role::Admin}}, .groups = {}},
                                     .forwarder = geteuid(),
                                     .elsewhere = nullptr,
                                     .limits = {.connections = kMostConnections}}));
  return {};
}

void Data::connect() {
  const auto begun = begin();
  if (begun.ok()) return;
  if (const std::string& why = begun.error().what; why != refusal_) spdlog::info("{}", refusal_ = why);
  retry_after(kRetry);
}

void Data::retry_after(std::chrono::milliseconds pause) {
  retry_timer_.expires_after(pause);
  retry_timer_.async_wait([this](const auto& fault) {
    if (!fault) connect();
  });
}

Result<> Data::begin() {
  os::Fd socket = TRY(connect_trusted(options().feed_socket()));
  connection_ = TRY(feed::Connection::open(loop(), std::move(socket), feed::kLargestToData));
  connection_->start({.message = [this](const std::string& bytes) { return hear(bytes); },
                      .ended = [this](const Error& why) { lose(why); }});
  send(follower_.hello());
  return {};
}

void Data::lose(const Error& why) {
  connection_.reset();
  if (why.what != refusal_) spdlog::info("{}", refusal_ = why.what);
  set_control(Control::Away, why.what);
  retry_after(follower_.follows() ? kRetry : kRefused);
}

Result<> Data::hear(std::string_view bytes) {
  heard_ = os::now_boot();
  const auto message = TRY(feed::parse_to_data(bytes));
  const bool followed = follower_.follows();
  const auto news = TRY(follower_.take(message));
  if (has_taken_over() && follower_.machine() != identity().machine) {
    return stop(error(Code::Conflict, "the control plane is another machine's now: {}", follower_.machine().text));
  }
  if (news) TRY_VOID(enforce(*news));
  if (!follower_.follows()) return {};
  if (!followed) report_all();
  set_control(Control::There, {});
  send(feed::Enforced{.revision = revision(), .problems = feed::problems_to_tell(problems())});
  return {};
}

Result<> Data::enforce(const feed::Follower::News& news) {
  if (!has_taken_over()) {
    if (auto taken = take_over(follower_.machine()); !taken.ok()) return stop(std::move(taken).error());
    if (auto opened = open_door(); !opened.ok()) return stop(std::move(opened).error());
    return {};
  }
  for (const model::WorkloadId& id : news.attached) start_attached(id);
  carry_out(news.changes);
  for (const model::Change& change : news.changes) {
    const auto& object = change.after ? change.after : change.before;
    if (const auto* workload = std::get_if<model::Workload>(&*object)) report(workload->id);
  }
  return {};
}

// What the control plane has to know to judge what may be done with a workload.
void Data::report(const model::WorkloadId& id) {
  if (!follower_.follows()) return;
  const auto is = run_of(id);
  send(feed::Run{.workload = id, .state = is ? std::optional(is->state) : std::nullopt});
}

void Data::report_all() {
  for (const auto& [id, workload] : state().all<model::Workload>()) {
    const auto is = run_of(id);
    if (!is) continue;
    report(id);
    if (workload.keep == model::Keep::UntilExit && is_over(*is)) send(feed::Ended{.workload = id});
  }
}

void Data::set_control(Control control, const std::string& what) {
  if (!has_taken_over() || std::exchange(control_, control) == control) return;
  tell(control == Control::Away ? "control.away" : "control.back", identity().machine.text, host_name(), what);
  gather_problems();
}

void Data::look_around() {
  if (os::now_boot() - heard_ > feed::Enforcement::kMostSilence) set_control(Control::Away, "it is silent");
}

Result<> Data::stop(Error why) {
  outcome_ = why;
  loop().stop();
  return why;
}

}  // namespace

Result<std::unique_ptr<Daemon>> open_data(boost::asio::io_context& loop, const Options& options) {
  auto data = std::make_unique<Data>(loop, options);
  TRY_VOID(data->open());
  return std::unique_ptr<Daemon>(std::move(data));
}

}  // namespace weft::node
