#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "os/clock.h"
#include "os/unix_socket.h"
#include "shim/environment.h"
#include "shim/shim.h"

namespace weft::shim {

using base::Code;
using workload::AttachAs;
using workload::Frame;
using workload::FrameType;
using workload::RunState;

namespace {

// How long a weftd that restarts may take until the owner is back.
constexpr base::Duration kLongestAbsence = std::chrono::seconds(10);

void append_input(Input& input, std::string_view bytes) {
  if (input.end == Input::End::Open) input.pending += bytes;
}

void end_input(Input& input) {
  if (input.end == Input::End::Open) input.end = Input::End::Wanted;
}

// The signals by which a user ends what runs in the foreground.
bool asks_to_end(int signal) { return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT; }

// The keys that send two of them, of a terminal that nobody has changed.
bool has_end_key(std::string_view keys) { return keys.find_first_of("\x03\x1c") != std::string_view::npos; }

}  // namespace

void Shim::accept_client() {
  os::Fd socket(accept4(place_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) return;
  remove_closed();
  const uint64_t id = next_connection_++;
  const bool is_allowed = os::check_peer(socket.get()).ok();
  const bool is_full = connections_.size() >= kMostConnections;
  Connection connection(id, std::move(socket));
  if (!is_allowed) connection.refuse(error(Code::Denied, "only root may ask a shim"));
  if (is_full) connection.refuse(error(Code::Limit, "this shim has {} connections", kMostConnections));
  if (is_allowed && !is_full) {
    connections_.emplace(id, std::move(connection));
    return;
  }
  connection.flush();
  // Who was dropped and doesn't even read that makes room.
  for (auto& [other, waiting] : connections_) {
    if (is_full && waiting.is_leaving() && !waiting.is_paced()) waiting.close();
  }
}

// Everything that has arrived whole.
void Shim::serve(Connection& connection) {
  while (const auto frame = connection.next()) answer(connection, *frame);
  connection.flush();
}

void Shim::answer(Connection& connection, const Frame& frame) {
  const bool is_input = frame.type == FrameType::Stdin || frame.type == FrameType::StdinEnd;
  const bool answers_itself =
      frame.type == FrameType::GetStatus || frame.type == FrameType::Subscribe || frame.type == FrameType::Attach;
  const auto done = carry_out(connection, frame);
  if (!done.ok()) return connection.refuse(done.error());
  if (is_input || answers_itself) return;
  const bool is_counted = frame.type == FrameType::Signal && connection.role == Role::Owner;
  connection.send(FrameType::Done, is_counted ? workload::encode_progress(progress()) : "");
}

Result<> Shim::carry_out(Connection& connection, const Frame& frame) {
  switch (frame.type) {
    case FrameType::Subscribe: connection.subscription = Connection::Subscription::Active; [[fallthrough]];
    case FrameType::GetStatus:
      tell_state();
      connection.send(FrameType::StatusIs, encode(status_));
      return {};
    case FrameType::Signal: return send_signal(connection, TRY(workload::parse_signal(frame.payload)));
    case FrameType::Stop: {
      const auto grace = TRY(workload::parse_grace(frame.payload));
      step(StopAsked{grace.value_or(spec_.stop.grace)});
      return {};
    }
    case FrameType::Restart: {
      const auto grace = TRY(workload::parse_grace(frame.payload));
      step(RestartAsked{grace.value_or(spec_.stop.grace)});
      return {};
    }
    case FrameType::Attach: return attach(connection, TRY(workload::parse_attach(frame.payload)));
    case FrameType::Exec: return start_exec(connection, TRY(workload::parse_command(frame.payload)));
    case FrameType::Resize: return resize_terminal(connection, TRY(workload::parse_resize(frame.payload)));
    case FrameType::Stdin:
    case FrameType::StdinEnd: return take_input(connection, frame);
    default: return error(Code::Usage, "a frame that only a shim sends");
  }
}

Result<> Shim::send_signal(Connection& connection, int number) {
  if (connection.role == Role::Owner) ++signals_taken_;
  if (connection.role == Role::Owner && asks_to_end(number)) step(EndAsked{});
  if (finished_) return {};
  const auto& target = connection.role == Role::Exec ? connection.exec : main_;
  if (!target) return error(Code::Unavailable, "nothing runs that could be signalled");
  if (kill(target->pid, number) != 0) return base::errno_error("signal", errno);
  return {};
}

Result<> Shim::attach(Connection& connection, const workload::Attach& attach) {
  if (connection.role != Role::Caller) return error(Code::Usage, "this connection is a stream already");
  if (attach.as == AttachAs::Owner && find_owner() != nullptr) {
    return error(Code::Conflict, "another is attached as its owner");
  }
  connection.role = attach.as == AttachAs::Owner ? Role::Owner : Role::Viewer;
  if (connection.role == Role::Owner) {
    go_on(connection, attach.had);
  } else {
    connection.send(FrameType::Done);
  }
  return {};
}

workload::Progress Shim::progress() const {
  return {
      .life = life_number_, .output = output_ ? output_->end() : 0, .input = input_.taken, .signals = signals_taken_};
}

void Shim::go_on(Connection& owner, const std::optional<workload::Progress>& had) {
  owner_expected_until_.reset();
  if (!output_) output_.emplace();
  // The input of another may have ended; this one's goes to the next run at the latest.
  const bool is_another = !had || had->life != life_number_;
  if (is_another) input_.end = Input::End::Open;
  workload::Progress now = progress();
  uint64_t& start = now.output;
  if (had) start = is_another ? output_->begin() : std::clamp(had->output, output_->begin(), start);
  owner.send(FrameType::Done, workload::encode_progress(now));
  for (const Frame& frame : output_->since(start)) owner.send(frame.type, frame.payload);
}

Result<> Shim::start_exec(Connection& connection, workload::Command command) {
  if (connection.role != Role::Caller) return error(Code::Usage, "this connection is a stream already");
  const bool runs = main_ && !main_exit_ && (life_.state() == RunState::Running || life_.state() == RunState::Stopping);
  if (!runs) return error(Code::Unavailable, "the workload {}", phrase_of(life_.state()));
  connection.exec = TRY(shim::launch(within(spec_.command, std::move(command)), *sandbox_, *cgroup_));
  connection.role = Role::Exec;
  return {};
}

Result<> Shim::resize_terminal(Connection& connection, workload::WindowSize size) {
  if (connection.role == Role::Exec && connection.exec) {
    resize(connection.exec->stdio, size);
    return {};
  }
  if (connection.role != Role::Owner) return error(Code::Denied, "only its owner resizes a terminal");
  if (spec_.command.terminal) spec_.command.terminal = size;
  if (main_) resize(main_->stdio, size);
  return {};
}

Result<> Shim::take_input(Connection& connection, const Frame& frame) {
  if (connection.role != Role::Owner && connection.role != Role::Exec) {
    return error(Code::Denied, "only its owner gives a workload input");
  }
  Input& input = input_of(connection);
  if (input.pending.size() + frame.payload.size() > kMostInputBytes) {
    connection.refuse(error(Code::Limit, "more input than there is room for"));
    connection.leave();
    return {};
  }
  input.taken += frame.payload.size();
  // Between two runs there is no terminal that would make a signal of a key.
  const bool waits = connection.role == Role::Owner && life_.state() == RunState::Backoff && spec_.command.terminal;
  if (waits && has_end_key(frame.payload)) {
    step(EndAsked{});
    return {};
  }
  if (frame.type == FrameType::StdinEnd) {
    end_input(input);
  } else {
    append_input(input, frame.payload);
  }
  return {};
}

// Once half of its room is free again, so that little is said and it needn't wait.
void Shim::invite_input(Connection& connection) {
  if (!connection.is_paced()) return;
  const uint64_t up_to = input_of(connection).up_to();
  if (up_to - connection.invited < kMostInputBytes / 2) return;
  connection.invited = up_to;
  connection.send(FrameType::StdinUpTo, workload::encode_up_to(up_to));
  connection.flush();
}

void Shim::remove_closed() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    auto& connection = it->second;
    if (!connection.is_over()) {
      ++it;
      continue;
    }
    // As when a terminal is hung up; who ignores that goes on without anybody watching.
    if (connection.exec) kill(connection.exec->pid, SIGHUP);
    if (connection.role == Role::Owner) owner_expected_until_ = os::now_boot() + kLongestAbsence;
    it = connections_.erase(it);
  }
}

}  // namespace weft::shim
