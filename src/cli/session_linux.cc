#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>

#include "cli/session.h"
#include "cli/terminal.h"
#include "os/clock.h"

namespace weft::cli {

using base::Code;
using workload::Frame;
using workload::FrameType;

namespace {

constexpr std::array kPassed = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
constexpr int kPatience = 3;  // so many interrupts, and weft leaves the command alone

// From an interrupt that nobody typed to the end by force; as long as a stop takes.
constexpr base::Duration kLongestEnding = std::chrono::seconds(10);

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

void Signals::keep(int signal) {
  kept_.push_back(signal);
  if (kept_.size() > kMostKeptSignals) drop_first();
}

void Signals::drop_until(uint64_t had) {
  while (had_ < had && !kept_.empty()) drop_first();
}

void Signals::drop_first() {
  kept_.pop_front();
  ++had_;
}

std::string_view Output::write(int fd, std::string_view bytes) {
  const ssize_t written = ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
  if (written >= 0) return bytes.substr(static_cast<size_t>(written));
  if (errno != EAGAIN && errno != EINTR) fault_ = errno;
  return bytes;
}

Session::Session(os::Fd socket, Joined joined, Signals& signals, Input& input, Output& output,
                 std::function<void(uint64_t lost)> began)
    : socket_(std::move(socket)),
      joined_(joined),
      signals_(signals),
      input_(input),
      output_(output),
      began_(std::move(began)),
      may_read_(!is_terminal(STDIN_FILENO) || is_in_foreground(STDIN_FILENO)) {}

Result<Ended> Session::run() {
  while (!ended_) TRY_VOID(turn());
  return *ended_;
}

Result<> Session::turn() {
  const bool reads_input = may_read_ && input_.state == Input::State::Open && input_.sent.end() < input_up_to_;
  const short socket_events = static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT));
  std::array<pollfd, 3> ready = {{{.fd = socket_.get(), .events = socket_events, .revents = 0},
                                  {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = reads_input ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}}};
  if (poll(ready.data(), ready.size(), wait_millis()) < 0 && errno != EINTR) return base::errno_error("wait", errno);
  if (ready[1].revents != 0) take_signals();
  if (ready[2].revents != 0) pass_input();
  if (end_at_ && *end_at_ <= os::now_boot()) end_at_last();
  flush();
  if ((ready[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !ended_) TRY_VOID(receive());
  return {};
}

int Session::wait_millis() const {
  if (!end_at_) return -1;
  const base::Duration left = std::max(base::Duration(0), *end_at_ - os::now_boot());
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
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
    case FrameType::Stdout: take_output(STDOUT_FILENO, frame.payload); return {};
    case FrameType::Stderr: take_output(STDERR_FILENO, frame.payload); return {};
    case FrameType::Exited:
      ended_ = Ended{.how = Ended::How::Exit, .exit = TRY(workload::parse_exit(frame.payload))};
      return {};
    case FrameType::StatusIs: return take_status(frame.payload);
    case FrameType::StdinUpTo: input_up_to_ = TRY(workload::parse_up_to(frame.payload)); return {};
    case FrameType::Done:
    case FrameType::Refused: return take_answer(frame);
    default: return {};
  }
}

// The first answer is that to our joining; the others are those to signals and
// sizes, which may come too late for anybody.
Result<> Session::take_answer(const Frame& frame) {
  const bool is_first = std::exchange(stage_, Stage::Joined) == Stage::Asked;
  if (frame.type == FrameType::Refused) {
    if (is_first) ended_ = Ended{.how = Ended::How::Refused, .refusal = workload::parse_refusal(frame.payload)};
    return {};
  }
  const auto progress = joined_ == Joined::Workload ? TRY(workload::parse_progress(frame.payload)) : std::nullopt;
  if (is_first) {
    begin(progress);
  } else if (progress) {
    signals_.drop_until(progress->signals);
  }
  return {};
}

void Session::begin(const std::optional<workload::Progress>& progress) {
  const uint64_t lost = progress ? go_on(*progress) : 0;
  if (began_) began_(lost);
  if (joined_ == Joined::Workload) append_frame(out_, FrameType::Subscribe, {});
  pass_window();
  for (const int signal : signals_.kept()) send_signal(signal);
  if (progress) {
    for (const Frame& frame : input_.sent.since(progress->input)) append_frame(out_, frame.type, frame.payload);
  }
  if (input_.state == Input::State::Ended) append_frame(out_, FrameType::StdinEnd, {});
  // It was told; what is left is to see to it.
  if (output_.is_unheard()) end_at_ = os::now_boot() + kLongestEnding;
}

// Another parent begins again, and so do the positions.
uint64_t Session::go_on(const workload::Progress& progress) {
  if (std::exchange(input_.life, progress.life) != progress.life) {
    input_.sent = workload::Backlog(progress.input);
    output_.go_on_at(0);
    signals_.begin_at(progress.signals);
  }
  signals_.drop_until(progress.signals);
  const uint64_t lost = progress.output - std::min(progress.output, output_.received());
  output_.go_on_at(progress.output);
  return lost;
}

void Session::take_output(int fd, std::string_view bytes) {
  const bool was_unheard = output_.is_unheard();
  output_.receive(bytes.size());
  while (!bytes.empty() && output_.fault() == 0 && !ended_) {
    await_room(fd);
    if (!ended_) bytes = output_.write(fd, bytes);
  }
  if (output_.is_unheard() && !was_unheard) end_unheard();
}

// Signals don't wait for it.
void Session::await_room(int fd) {
  while (!ended_) {
    std::array<pollfd, 3> ready = {{{.fd = fd, .events = POLLOUT, .revents = 0},
                                    {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                    {.fd = out_.empty() ? -1 : socket_.get(), .events = POLLOUT, .revents = 0}}};
    poll(ready.data(), ready.size(), -1);
    if (ready[1].revents != 0) take_signals();
    flush();
    if (ready[0].revents != 0) return;
  }
}

// As a program ends whose reader has gone. What an exec leaves behind is hung up
// on when the connection goes; a workload is told, and takes its time.
void Session::end_unheard() {
  if (joined_ == Joined::Exec) {
    ended_ = Ended{.how = Ended::How::Deaf};
    return;
  }
  pass_on(SIGINT);
  end_at_ = os::now_boot() + kLongestEnding;
}

void Session::end_at_last() {
  append_frame(out_, FrameType::Stop, workload::encode_grace(base::Duration(0)));
  end_at_.reset();
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

void Session::take_signals() {
  for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
    if (signal == SIGWINCH) {
      if (stage_ == Stage::Joined) pass_window();
      continue;
    }
    pass_on(signal);
    const bool has_nobody = stage_ == Stage::Asked && joined_ == Joined::Exec;
    if (is_given_up(signal) || has_nobody) ended_ = Ended{.how = Ended::How::Hangup, .signal = signal};
  }
}

void Session::pass_on(int signal) {
  if (joined_ == Joined::Workload) signals_.keep(signal);
  if (stage_ == Stage::Joined) send_signal(signal);
}

void Session::send_signal(int signal) { append_frame(out_, FrameType::Signal, workload::encode_signal(signal)); }

bool Session::is_given_up(int signal) {
  if (signal == SIGINT || signal == SIGTERM) ++impatience_;
  return impatience_ >= kPatience;
}

void Session::pass_window() {
  if (const auto size = window_size(STDIN_FILENO)) {
    append_frame(out_, FrameType::Resize, workload::encode_resize(*size));
  }
}

void Session::pass_input() {
  std::array<char, workload::kStreamChunkBytes> buffer;
  const size_t room = std::min<uint64_t>(buffer.size(), input_up_to_ - input_.sent.end());
  const ssize_t count = read(STDIN_FILENO, buffer.data(), room);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count > 0) {
    const std::string_view bytes(buffer.data(), static_cast<size_t>(count));
    input_.sent.append(FrameType::Stdin, bytes);
    append_frame(out_, FrameType::Stdin, bytes);
  } else {
    append_frame(out_, FrameType::StdinEnd, {});
    input_.state = Input::State::Ended;
  }
}

void Session::flush() {
  while (!out_.empty()) {
    const ssize_t sent = send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return out_.clear();  // broken, which reading tells
    out_.erase(0, static_cast<size_t>(sent));
  }
}

}  // namespace weft::cli
