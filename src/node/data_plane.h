// The data plane: what goes on at this machine. It makes the kernel and the
// workloads as the agreed state wants them, and answers what they do; the half
// of the API's backend that says what is agreed is whose it is who derives from it.
//
// It changes nothing before take_over(), and stays what it is when nobody tells
// it of changes any more.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/backend.h"
#include "datapath/datapath.h"
#include "diagnosis/doctor.h"
#include "diagnosis/event_log.h"
#include "diagnosis/flow_log.h"
#include "diagnosis/status.h"
#include "gateway/gateways.h"
#include "node/options.h"
#include "os/file.h"
#include "os/netlink_monitor.h"
#include "runtime/runtime.h"

namespace weft::node {

class DataPlane : public api::Backend {
 public:
  DataPlane(boost::asio::io_context& loop, Options options);

  // api::Backend
  base::WallTime now() const override;
  base::Rng& rng() override { return rng_; }
  const api::Identity& identity() const override { return identity_; }
  Result<std::optional<api::RunStatus>> status(const model::WorkloadId& id) const override { return run_of(id); }
  Result<std::unique_ptr<api::Stream<api::RunStatus>>> exit_of(const model::WorkloadId& id) override;
  Result<std::shared_ptr<void>> await_wanted(const model::WorkloadId& id, std::function<void()> done) override {
    return std::shared_ptr<void>(runtime_->await_wanted(id, std::move(done)));
  }
  void start_attached(const model::WorkloadId& id) override { runtime_->start_attached(id); }
  std::string netns_path(const model::WorkloadId& id) const override { return options_.netns_path(id); }
  std::string resolv_conf_path(const model::WorkloadId& id) const override { return options_.resolv_conf_path(id); }
  Result<os::Fd> attach(const model::WorkloadId& id, const std::optional<workload::Progress>& had) override {
    return runtime_->attach(id, had);
  }
  Result<os::Fd> exec(const api::Exec& exec) override;
  Result<std::unique_ptr<api::Stream<api::LogLine>>> logs(const api::LogQuery& query) override {
    return runtime_->logs(query);
  }
  Result<api::Trace> trace(const api::TraceQuery& query) override;
  Result<std::unique_ptr<api::Stream<api::FlowRecord>>> flows(const api::FlowQuery& query) override;
  Result<std::unique_ptr<api::Stream<api::Event>>> events(const api::EventQuery& query) override {
    return events_->read(query);
  }
  uint64_t flows_of(const model::RuleId& rule) const override;
  uint64_t flows_of(const model::AclRuleId& rule) const override;
  api::TniCounters counters(const model::TniId& tni) const override;
  std::vector<api::Problem> problems() const override { return problems_.all(); }
  std::vector<api::Check> doctor() override;
  std::vector<std::string> held_for(const model::AnyId& id) const override;
  std::string metrics() const override;

 protected:
  // Claims the instance's part of the machine, and opens what it has written down.
  Result<> prepare();
  // Finds what is in the kernel and what runs, and brings both to the agreed state.
  Result<> take_over(const model::MachineId& machine);
  bool has_taken_over() const { return runtime_ != nullptr; }
  // Carries out what follows from the changes, which state() has already.
  void carry_out(const model::Changes& changes);
  void gather_problems();
  // Here it is always known.
  std::optional<api::RunStatus> run_of(const model::WorkloadId& id) const;
  void tell(std::string kind, std::string id, std::string name, std::string what);

  boost::asio::io_context& loop() { return loop_; }
  const Options& options() const { return options_; }

 private:
  // With every look at the machine.
  virtual void look_around() {}
  // A workload's status is another one; told before anybody who asked for it.
  virtual void on_status(const model::WorkloadId&) {}
  // A workload that is kept until it exits has. Not called from within the runtime.
  virtual void on_ended(const model::WorkloadId& id) = 0;

  void read_flows();
  void heal();
  void tell_repairs(const datapath::Datapath::Repairs& repairs);
  Result<> listen();
  void await_notices();
  void await_machine_notices();
  void look_soon();
  void look_at_gateways_soon();
  bool concerns_gateways(const model::Changes& changes) const;
  void sync_gateways();
  void on_run(const model::WorkloadId& id, const workload::Status& before, const workload::Status& after);
  runtime::Options runtime_options() const;
  diagnosis::DoctorOptions doctor_options() const {
    return {.state_directory = options_.state_directory, .pins = options_.pins()};
  }

  boost::asio::io_context& loop_;
  Options options_;
  base::Rng rng_;
  api::Identity identity_;
  std::optional<os::FileLock> lock_;
  std::unique_ptr<datapath::Datapath> datapath_;
  std::unique_ptr<datapath::Events> ring_;
  std::unique_ptr<gateway::Gateways> gateways_;
  std::map<model::VpcId, int> gateway_devices_;
  std::vector<gateway::Problem> gateway_problems_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<diagnosis::FlowLog> flow_log_;
  std::unique_ptr<diagnosis::EventLog> events_;
  diagnosis::Problems problems_;
  boost::asio::steady_timer flow_timer_, heal_timer_, notice_timer_, gateways_timer_;
  // The kernel's notices: around the instance's namespace, and in the machine's.
  boost::asio::posix::stream_descriptor notices_, machine_notices_;
  std::optional<os::Monitor> machine_monitor_;
  enum class Look { None, Soon } gateways_look_ = Look::None;
  enum class Waiting { No, Yes } machine_waiting_ = Waiting::No;
  datapath::ClockPair clocks_;
  uint64_t events_lost_ = 0;
};

// Whether it ran and will not be started again by itself.
bool is_over(const api::RunStatus& status);

// Ends everything of the instance on this machine that a data plane made.
Result<> remove_data_plane(const Options& options);

}  // namespace weft::node
