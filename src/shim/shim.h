// Shim: the parent of one workload, from its first start to its last end.
//
// One thread, one loop. It outlives whoever started it; it can be found by
// its directory's socket, and its workload dies with it, so that nothing runs
// that nobody answers for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "shim/cgroup.h"
#include "shim/connection.h"
#include "shim/lifecycle.h"
#include "shim/log_file.h"
#include "shim/poll.h"
#include "shim/process.h"
#include "shim/sandbox.h"
#include "workload/backlog.h"
#include "workload/spec.h"
#include "workload/status.h"

namespace weft::shim {

// What the shim holds of its directory, which is also the current one.
struct Place {
  os::Fd lock;      // the directory, locked: one shim at a time
  os::Fd listener;  // ./sock
  os::Fd first;     // a client that was there from the beginning, or invalid
};

inline constexpr size_t kMostConnections = 64;

class Shim {
 public:
  static Result<Shim> create(workload::Spec spec, Place place);

  // Returns when the workload has ended for good and the owner has all output, or
  // hasn't come back for it.
  void run();

 private:
  Shim(workload::Spec spec, Place place, os::Fd signals, LogFile log);

  // shim_linux.cc: the workload's life
  void step(const Event& event);
  void act(Act act);
  Event launch();
  Event not_launched(const Error& error);
  void read_signals();
  void reap();
  void on_end(pid_t pid, int wait_status);
  void end_run_if_over();
  void publish();
  void tell_state();
  void await_owner();
  void finish();

  // shim_streams.cc: bytes between the workload and its clients
  void watch(Poll& poll);
  void watch_workload(Poll& poll);
  void watch_connection(Poll& poll, Connection& connection);
  void read_output(os::Fd& from, workload::Stream stream);
  void tell_output(workload::Stream stream, std::string_view bytes);
  void read_exec_output(Connection& connection, os::Fd& from, workload::FrameType type);
  void drain();
  void end_exec(Connection& connection, const workload::Exit& exit);
  bool is_output_awaited(base::Duration since_the_end) const;

  // shim_requests.cc: what clients ask
  void accept_client();
  void serve(Connection& connection);
  void answer(Connection& connection, const workload::Frame& frame);
  Result<> carry_out(Connection& connection, const workload::Frame& frame);
  Result<> send_signal(Connection& connection, int number);
  Result<> attach(Connection& connection, const workload::Attach& attach);
  Result<> start_exec(Connection& connection, workload::Command command);
  Result<> resize_terminal(Connection& connection, workload::WindowSize size);
  Result<> take_input(Connection& connection, const workload::Frame& frame);
  void invite_input(Connection& connection);
  Input& input_of(Connection& connection) { return connection.role == Role::Exec ? connection.input : input_; }
  void remove_closed();

  Connection* find_owner();
  workload::Progress progress() const;
  void go_on(Connection& owner, const std::optional<workload::Progress>& had);

  workload::Spec spec_;
  Place place_;
  os::Fd signals_;
  LogFile log_;
  Lifecycle life_;
  workload::Status status_;

  std::optional<Cgroup> cgroup_;  // from the first launch on, over all runs
  // For the main command, over all runs.
  Input input_;
  // One run.
  std::optional<Sandbox> sandbox_;
  std::optional<Process> main_;
  std::optional<workload::Exit> main_exit_;
  uint64_t earlier_kills_ = 0;  // by the memory limit, before this run

  // For the owner, over all of its connections; from the first one on.
  std::optional<workload::Backlog> output_;
  const uint64_t life_number_;
  uint64_t signals_taken_ = 0;
  // Its last connection ended, and it may come back.
  std::optional<base::BootTime> owner_expected_until_;

  std::map<uint64_t, Connection> connections_;
  uint64_t next_connection_ = 1;
  bool finished_ = false;
};

}  // namespace weft::shim
