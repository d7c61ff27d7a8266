#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "os/clock.h"
#include "os/file.h"
#include "shim/shim.h"
#include "shim/signals.h"

namespace weft::shim {

using base::Code;
using workload::Exit;
using workload::FrameType;
using workload::OutOfMemory;
using workload::RunState;
using workload::Spec;

namespace {

// How long the end waits for the owner once somebody has asked for it.
constexpr base::Duration kShortAbsence = std::chrono::seconds(1);

constexpr base::Duration kFarewellTurn = std::chrono::milliseconds(100);

Exit exit_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {.code = 128 + WTERMSIG(wait_status), .signal = WTERMSIG(wait_status)};
  return {.code = WEXITSTATUS(wait_status), .signal = 0};
}

// As a shell reports a command that isn't there, or that can't be executed.
std::optional<Exit> exit_of(const Error& error) {
  switch (error.code) {
    case Code::NotFound: return Exit{.code = 127};
    case Code::Denied: return Exit{.code = 126};
    default: return std::nullopt;
  }
}

}  // namespace

Shim::Shim(Spec spec, Place place, os::Fd signals, LogFile log)
    : spec_(std::move(spec)),
      place_(std::move(place)),
      signals_(std::move(signals)),
      log_(std::move(log)),
      life_(spec_.restart),
      life_number_(static_cast<uint64_t>(os::now_wall().ns)) {
  status_.shim = getpid();
}

Result<Shim> Shim::create(Spec spec, Place place) {
  auto signals = TRY(open_signals());
  auto log = TRY(LogFile::open("log", spec.log));
  return Shim(std::move(spec), std::move(place), std::move(signals), std::move(log));
}

void Shim::run() {
  if (place_.first.valid()) {
    const uint64_t id = next_connection_++;
    auto& first = connections_.try_emplace(id, id, std::move(place_.first)).first->second;
    first.fill();
    serve(first);
  }
  publish();
  step(Tick{});
  while (!finished_) {
    Poll poll;
    watch(poll);
    poll.wait(life_.wake_at());
    if (!finished_) step(Tick{});
    remove_closed();
  }
  await_owner();
  finish();
}

// With an owner who is away for a moment, the end waits too: it has yet to see it.
void Shim::await_owner() {
  if (owner_expected_until_ > os::now_boot()) publish();
  while (owner_expected_until_ > os::now_boot()) {
    Poll poll;
    watch(poll);
    poll.wait(owner_expected_until_);
    remove_closed();
  }
}

void Shim::step(const Event& event) {
  const base::BootTime now = os::now_boot();
  act(life_.step(now, event));
  if (owner_expected_until_ && std::holds_alternative<StopAsked>(event)) {
    owner_expected_until_ = std::min(*owner_expected_until_, now + kShortAbsence);
  }
}

void Shim::act(Act what) {
  while (what == Act::Launch) {
    const Event outcome = launch();
    what = life_.step(os::now_boot(), outcome);
  }
  switch (what) {
    case Act::Ask:
      if (main_) kill(main_->pid, spec_.stop.signal);
      break;
    case Act::Kill:
      if (sandbox_) sandbox_->kill();
      break;
    case Act::Finish: finished_ = true; break;
    case Act::Launch:
    case Act::Nothing: break;
  }
  const bool is_news = status_.state != life_.state() || status_.again != life_.again();
  if (is_news && !finished_) publish();
}

Event Shim::launch() {
  status_.reason.clear();
  status_.out_of_memory = OutOfMemory::No;
  status_.started = os::now_wall();
  if (!cgroup_) {
    auto cgroup = Cgroup::create(spec_);
    if (!cgroup.ok()) return not_launched(cgroup.error());
    cgroup_ = std::move(*cgroup);
  }
  auto sandbox = Sandbox::open(spec_);
  if (!sandbox.ok()) return not_launched(sandbox.error());
  auto process = shim::launch(spec_.command, *sandbox, *cgroup_);
  if (!process.ok()) {
    sandbox->kill();
    reap();
    return not_launched(process.error());
  }
  earlier_kills_ = cgroup_->out_of_memory_kills();
  sandbox_ = std::move(*sandbox);
  main_ = std::move(*process);
  status_.pid = main_->pid;
  return Launched{};
}

Event Shim::not_launched(const Error& error) {
  status_.reason = error.what;
  status_.ended = os::now_wall();
  status_.exit = exit_of(error);
  if (status_.exit) return Ended{*status_.exit};
  return NotLaunched{};
}

void Shim::read_signals() {
  while (const int number = read_signal(signals_)) {
    if (number == SIGCHLD) {
      reap();
    } else {
      step(StopAsked{spec_.stop.grace});
    }
  }
}

void Shim::reap() {
  int wait_status = 0;
  while (true) {
    const pid_t pid = waitpid(-1, &wait_status, WNOHANG);
    if (pid <= 0) break;
    on_end(pid, wait_status);
  }
  end_run_if_over();
}

void Shim::on_end(pid_t pid, int wait_status) {
  if (main_ && pid == main_->pid) {
    main_exit_ = exit_of(wait_status);
    // The end of the command is the end of all that it left behind.
    if (sandbox_) sandbox_->kill();
  }
  if (sandbox_ && pid == sandbox_->first()) sandbox_.reset();
  for (auto& [id, connection] : connections_) {
    if (connection.exec && connection.exec->pid == pid) end_exec(connection, exit_of(wait_status));
  }
}

void Shim::end_run_if_over() {
  if (!main_exit_ || sandbox_) return;
  drain();
  log_.finish(os::now_wall());
  const Exit exit = *main_exit_;
  main_.reset();
  main_exit_.reset();
  input_.begin_next_run();
  // What its owner typed did it.
  const bool by_key = exit.signal == SIGINT || exit.signal == SIGQUIT;
  if (by_key && spec_.command.terminal && find_owner() != nullptr) step(EndAsked{});
  status_.pid = 0;
  status_.exit = exit;
  status_.ended = os::now_wall();
  if (cgroup_->out_of_memory_kills() > earlier_kills_) {
    status_.out_of_memory = OutOfMemory::Yes;
    status_.reason = fmt::format("the memory limit of {} bytes was reached", spec_.limits.memory_bytes.value_or(0));
  }
  step(Ended{exit});
}

void Shim::tell_state() {
  // Who hears of the end may start the next shim: not while this one is in its way.
  const bool is_awaiting_owner = finished_ && place_.listener.valid();
  status_.state = is_awaiting_owner ? RunState::Stopping : life_.state();
  status_.restarts = life_.restarts();
  status_.again = life_.again();
  status_.log_records_lost = log_.lost();
  status_.retry_at = {};
  if (life_.state() == RunState::Backoff) status_.retry_at = os::now_wall() + (*life_.wake_at() - os::now_boot());
}

void Shim::publish() {
  tell_state();
  const std::string text = encode(status_);
  // A directory that takes no file still has its socket, which says the same.
  (void)os::write_file_atomic("status", text, 0600, os::Durability::Cached);
  for (auto& [id, connection] : connections_) {
    const bool is_told = connection.subscription == Connection::Subscription::Active || connection.role == Role::Owner;
    if (is_told) connection.send(FrameType::StatusIs, text);
    connection.flush();
  }
}

void Shim::finish() {
  if (cgroup_) {
    const auto removed = cgroup_->remove();
    if (!removed.ok() && status_.reason.empty()) status_.reason = removed.error().what;
  }
  (void)unlink("sock");
  place_.listener.reset();
  place_.lock.reset();
  publish();
  for (auto& [id, connection] : connections_) connection.leave();
  const base::BootTime end = os::now_boot();
  while (is_output_awaited(os::now_boot() - end)) {
    Poll poll;
    for (auto& [id, connection] : connections_) {
      if (connection.has_output()) poll.writable(connection.fd(), [&] { connection.flush(); });
    }
    poll.wait(os::now_boot() + kFarewellTurn);
    remove_closed();
  }
}

}  // namespace weft::shim
