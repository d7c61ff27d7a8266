#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "shim/connection.h"
#include "workload/backlog.h"

namespace weft::shim {

using workload::Frame;
using workload::FrameType;

namespace {

constexpr char kEndOfFile = 4;  // ^D, as a terminal takes it (termios(3), VEOF)

void end_input(OurStdio& stdio) {
  if (stdio.terminal.valid()) (void)!write(stdio.out.get(), &kEndOfFile, 1);
  stdio.in.reset();
}

}  // namespace

int input_fd(const OurStdio& stdio) { return stdio.terminal.valid() ? stdio.out.get() : stdio.in.get(); }

void Input::begin_next_run() {
  pending.clear();
  if (end == End::Done) end = End::Wanted;
}

void pass_on(Input& input, OurStdio& stdio) {
  const int fd = input_fd(stdio);
  while (fd >= 0 && !input.pending.empty()) {
    const ssize_t put = write(fd, input.pending.data(), input.pending.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) {
      stdio.in.reset();
      break;
    }
    input.pending.erase(0, static_cast<size_t>(put));
  }
  // All of it is taken, or the command reads no more.
  input.pending.clear();
  if (input.end == Input::End::Wanted) {
    end_input(stdio);
    input.end = Input::End::Done;
  }
}

void Connection::send(FrameType type, std::string_view payload) {
  if (leaving_) return;
  std::string frame;
  append_frame(frame, type, payload);
  backlog_ += frame.size();
  if (backlog_ + out_.size() * workload::kBacklogFrameBytes > kMostUnread) return close();
  out_.push_back(std::move(frame));
}

void Connection::stream(FrameType type, std::string_view bytes) {
  while (!bytes.empty() && !leaving_) {
    const auto chunk = bytes.substr(0, workload::kStreamChunkBytes);
    send(type, chunk);
    bytes.remove_prefix(chunk.size());
  }
  if (role == Role::Viewer && backlog_ > kMostViewerBacklog) drop();
}

// Keeps the frame that is half sent, so that the client can read the last one.
void Connection::drop() {
  out_.resize(sent_ > 0 ? 1 : 0);
  backlog_ = out_.empty() ? 0 : out_.front().size();
  send(FrameType::Dropped);
  leave();
}

void Connection::flush() {
  while (socket_.valid() && !out_.empty()) {
    const std::string& frame = out_.front();
    const ssize_t put = ::send(socket_.get(), frame.data() + sent_, frame.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) return close();
    sent_ += static_cast<size_t>(put);
    if (sent_ < frame.size()) continue;
    backlog_ -= frame.size();
    out_.pop_front();
    sent_ = 0;
  }
}

void Connection::fill() {
  std::array<char, 65536> bytes;
  const ssize_t got = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got > 0) return in_.feed({bytes.data(), static_cast<size_t>(got)});
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  close();
}

std::optional<Frame> Connection::next() {
  if (leaving_ || !socket_.valid()) return std::nullopt;
  auto frame = in_.next();
  if (frame.ok()) return std::move(*frame);
  refuse(frame.error());
  leave();
  return std::nullopt;
}

}  // namespace weft::shim
