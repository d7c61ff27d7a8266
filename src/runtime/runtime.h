// Runtime: the workloads of this machine. It starts and stops their parents
// (weft-shim, one each) as the agreed state asks, finds again those that run,
// and knows how each is. The parents and their workloads outlive it.
//
//   RUN/w/ID    a parent's directory, gone after a power cycle
//   STATE/ID    which start was carried out and how it ended (record.h)
//   STATE/boot  the boot of the machine in which this was written
//
// A workload whose policy is `no` runs at most once per start that a user asked
// for, power cycles included: what may have run before one isn't run again.
//
// Everything happens on one loop, and nothing waits there for a workload; to
// start a parent takes a millisecond or two, and starts take turns with the
// rest. Callbacks come from the loop, never from within a call.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/backend.h"
#include "model/state.h"
#include "os/fd.h"
#include "runtime/compile_spec.h"
#include "runtime/endings.h"
#include "runtime/item.h"
#include "runtime/log_stream.h"
#include "workload/command.h"
#include "workload/status.h"

namespace weft::runtime {

struct Options {
  std::string shim;             // path of weft-shim
  std::string run_directory;    // RUN: doesn't survive a power cycle
  std::string state_directory;  // STATE: does
  model::MachineId self;
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string cgroup;  // "/weft": parent group of the workloads' groups
  std::string boot_id = "/proc/sys/kernel/random/boot_id";
  // The path of a workload's network namespace, whether it is there or not.
  std::function<std::string(const model::WorkloadId&)> netns_path;
  // The text that a workload sees as /etc/resolv.conf; nothing: the machine's.
  std::function<std::optional<std::string>(const model::State&, const model::Workload&)> resolv_conf;
};

class Runtime {
 public:
  using OnChange =
      std::function<void(const model::WorkloadId&, const workload::Status& before, const workload::Status& after)>;

  // Finds the parents that live, and how the others ended. They go on as they
  // are until the first update().
  static Result<std::unique_ptr<Runtime>> open(boost::asio::io_context& loop, Options options);
  // Ends every parent and workload below the run directory and removes what is
  // there, groups included. For when no Runtime runs; blocks. The records stay.
  static Result<> remove_all(const Options& options);

  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Carries out what follows from the changes; `state` has them already. The
  // first call brings everything to the state, whatever its changes are.
  void update(const model::State& state, const model::Changes& changes);
  // What the disk refused is tried again. To be called now and then.
  void heal();
  // Called when a workload shows what it didn't before. A workload that is Exited
  // or Failed isn't started again unless the state changes. What an earlier weftd
  // was told isn't told again, except of one that goes at its end (`--rm`).
  void on_change(OnChange callback) { on_change_ = std::make_shared<OnChange>(std::move(callback)); }

  // Absent: no workload of this machine that is or was run here.
  std::optional<workload::Status> status(const model::WorkloadId& id) const;
  // Calls back when the workload has ended for good, also if it has already, or
  // has been removed within the last minute (endings.h). NotFound: no such workload.
  Result<std::shared_ptr<Waiter>> wait(const model::WorkloadId& id,
                                       std::function<void(const workload::Status&)> on_end);
  // Calls back when nothing is under way any more that the state asked of it. (What
  // is gone has nothing under way.)
  std::shared_ptr<Waiter> await_wanted(const model::WorkloadId& id, std::function<void()> on_so);

  // Announces that the workload's next start is with an owner attached, who
  // fetches the connection with attach() within kFetchTime: no output is lost.
  void start_attached(const model::WorkloadId& id);
  // A connection to the parent on which the request was sent. What comes from
  // now on are its frames, the answer to the request first. `had`: how far its
  // owner came, over all of its connections.
  Result<os::Fd> attach(const model::WorkloadId& id, const std::optional<workload::Progress>& had = {});
  Result<os::Fd> exec(const model::WorkloadId& id, const workload::Command& command);
  // With `follow` it ends when the workload has ended for good.
  Result<std::unique_ptr<api::Stream<api::LogLine>>> logs(const api::LogQuery& query);

  // By object (workload, or the machine): what couldn't be done and isn't in a status.
  std::map<std::string, std::string> problems() const;

  // An owner who attaches comes with the next request; its output would hold up the workload for ever.
  static constexpr base::Duration kFetchTime = std::chrono::seconds(5);
  // More than clients that can be between their two requests.
  static constexpr size_t kMostAnnounced = 1024;

 private:
  Runtime(boost::asio::io_context& loop, Options options) : loop_(loop), options_(std::move(options)) {}

  // runtime_linux.cc: from state and reports to acts
  void refresh(const model::State& state, const model::WorkloadId& id);
  void account_for_power_cycle(Item& item, const Wish& wish);
  void settle(Item& item);
  void act(Item& item);
  void arm(Item& item);
  void wake(Item& item);
  void tell(Item& item);
  void enqueue(Item& item);
  void post_start();
  void start_next();
  void start_if_due(Item& item);
  Item& item_of(const model::WorkloadId& id);

  // parents_linux.cc: finding, starting, hearing and ending parents
  Result<> find_records();
  Result<> find_parents();
  Result<> find_boot();
  void note_boot();
  void find_parent(Item& item);
  void meet(Item& item, workload::ShimClient client);
  void search(Item& item);
  void start(Item& item);
  Result<> prepare_directory(const Item& item);
  Result<> start_parent(Item& item);
  Result<> listen(Item& item, workload::ShimClient client);
  void hear(Item& item, const workload::Frame& frame);
  void on_close(Item& item, const Error& error);
  void lose(Item& item);
  void ask_to_stop(Item& item);
  void kill_parent(Item& item);
  void remove(Item& item);
  void save(Item& item);

  // requests_linux.cc: what users ask of one workload
  void resolve(std::vector<std::weak_ptr<Waiter>>& waiters, const workload::Status& status);
  void wake_followers(const model::WorkloadId& id);
  void reserve(Item& item, workload::ShimClient client);
  bool take_announcement(const model::WorkloadId& id);
  Result<workload::ShimClient> connect(Item& item);
  Result<Item*> find(const model::WorkloadId& id);

  std::string directory_of(const model::WorkloadId& id) const { return options_.run_directory + "/w/" + id.text; }
  std::string record_of(const model::WorkloadId& id) const { return options_.state_directory + "/" + id.text; }

  boost::asio::io_context& loop_;
  Options options_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // shared with what is posted
  std::shared_ptr<OnChange> on_change_;
  enum class Phase { Finding, Running } phase_ = Phase::Finding;
  enum class Boot { Same, Another } boot_ = Boot::Same;  // as the one that STATE/boot names
  std::string boot_id_;
  std::map<model::WorkloadId, std::shared_ptr<Item>> items_;
  std::deque<model::WorkloadId> starts_;
  std::map<model::WorkloadId, base::BootTime> announced_;
  Endings endings_;
  std::shared_ptr<LogWatch> log_watch_;
  std::multimap<model::WorkloadId, std::weak_ptr<FollowedLog>> followed_;
  std::map<std::string, std::string> problems_;
  std::map<std::string, std::string> refused_;  // by the disk, of what has to be kept there
};

}  // namespace weft::runtime
