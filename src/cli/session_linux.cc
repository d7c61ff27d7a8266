#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/session.h"
#include "cli/terminal.h"

namespace weft::cli {

using base::Code;
using workload::Frame;
using workload::FrameType;

namespace {

constexpr std::array kPassed = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
constexpr size_t kMostUnsent = 256 * 1024;  // then stdin waits
constexpr int kPatience = 3;                // so many interrupts, and weft leaves the command alone

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return base::errno_error("write what the command writes", errno);
    }
  }
  return {};
}

}  // namespace

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kPassed) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a write says it, and the terminal is restored
  fd_ = os::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int Signals::take() {
  signalfd_siginfo info{};
  return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

Session::Session(os::Fd socket, Joined joined, Signals& signals, std::function<void()> began)
    : socket_(std::move(socket)), joined_(joined), signals_(signals), began_(std::move(began)) {
  if (is_terminal(STDIN_FILENO) && !is_in_foreground(STDIN_FILENO)) input_ = Input::Ended;
}

Result<Ended> Session::run() {
  while (!ended_) {
    const bool reads_input = stage_ == Stage::Joined && input_ == Input::Open && out_.size() < kMostUnsent;
    const short socket_events = static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT));
    std::array<pollfd, 3> ready = {{{.fd = socket_.get(), .events = socket_events, .revents = 0},
                                    {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                    {.fd = reads_input ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return base::errno_error("wait", errno);
    if (ready[1].revents != 0) pass_signal();
    if (ready[2].revents != 0) pass_input();
    flush();
    if ((ready[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !ended_) TRY_VOID(receive());
  }
  return *ended_;
}

Result<> Session::receive() {
  std::array<char, 65536> buffer;
  const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (count <= 0) {
    ended_ = Ended{.how = Ended::How::Broken};
    return {};
  }
  in_.feed({buffer.data(), static_cast<size_t>(count)});
  return take_frames();
}

Result<> Session::take_frames() {
  while (!ended_) {
    const auto frame = TRY(in_.next());
    if (!frame) return {};
    TRY_VOID(take(*frame));
  }
  return {};
}

Result<> Session::take(const Frame& frame) {
  switch (frame.type) {
    case FrameType::Stdout: return write_all(STDOUT_FILENO, frame.payload);
    case FrameType::Stderr: return write_all(STDERR_FILENO, frame.payload);
    case FrameType::Exited:
      ended_ = Ended{.how = Ended::How::Exit, .exit = TRY(workload::parse_exit(frame.payload))};
      return {};
    case FrameType::StatusIs: return take_status(frame.payload);
    case FrameType::Done:
    case FrameType::Refused: return take_answer(frame);
    default: return {};
  }
}

// The first answer is that to our joining; the others are those to signals and
// sizes, which may come too late for anybody.
Result<> Session::take_answer(const Frame& frame) {
  if (stage_ == Stage::Joined) return {};
  stage_ = Stage::Joined;
  if (frame.type == FrameType::Refused) {
    ended_ = Ended{.how = Ended::How::Refused, .refusal = workload::parse_refusal(frame.payload)};
    return {};
  }
  if (began_) began_();
  if (joined_ == Joined::Workload) append_frame(out_, FrameType::Subscribe, {});
  pass_window();
  return {};
}

Result<> Session::take_status(const std::string& payload) {
  const auto status = TRY(workload::parse_status(payload));
  const bool is_over = status.state == workload::RunState::Exited || status.state == workload::RunState::Failed;
  if (joined_ != Joined::Workload || !is_over) return {};
  ended_ = Ended{
      .how = Ended::How::Exit, .exit = status.exit.value_or(workload::Exit{}), .out_of_memory = status.out_of_memory};
  if (status.state == workload::RunState::Failed) ended_->reason = status.reason;
  return {};
}

void Session::pass_signal() {
  for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
    if (stage_ == Stage::Asked) {
      if (signal != SIGWINCH) ended_ = Ended{.how = Ended::How::Hangup, .signal = signal};
      continue;
    }
    if (signal == SIGWINCH) {
      pass_window();
      continue;
    }
    append_frame(out_, FrameType::Signal, workload::encode_signal(signal));
    if (signal == SIGINT || signal == SIGTERM) ++impatience_;
    if (signal == SIGHUP || impatience_ >= kPatience) ended_ = Ended{.how = Ended::How::Hangup, .signal = signal};
  }
}

void Session::pass_window() {
  if (const auto size = window_size(STDIN_FILENO)) {
    append_frame(out_, FrameType::Resize, workload::encode_resize(*size));
  }
}

void Session::pass_input() {
  std::array<char, workload::kStreamChunkBytes> buffer;
  const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count > 0) {
    append_frame(out_, FrameType::Stdin, {buffer.data(), static_cast<size_t>(count)});
  } else {
    append_frame(out_, FrameType::StdinEnd, {});
    input_ = Input::Ended;
  }
}

void Session::flush() {
  while (!out_.empty()) {
    const ssize_t sent = send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;  // full, or broken, which reading tells
    out_.erase(0, static_cast<size_t>(sent));
  }
}

}  // namespace weft::cli
