#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "os/clock.h"
#include "shim/shim.h"

namespace weft::shim {

using workload::FrameType;
using workload::Stream;

namespace {

// What is read at a time, and, when the writers are dead, at most in all: a pipe holds a MiB at most (pipe(7)).
constexpr size_t kChunkBytes = 32 * 1024;
constexpr int kMostLastChunks = 64;

// How long, after the workload's end, the shim waits for clients that don't read: for those
// whose output is never lost, and for the others.
constexpr base::Duration kLongestFarewell = std::chrono::minutes(10);
constexpr base::Duration kShortFarewell = std::chrono::seconds(1);

using Chunk = std::array<char, kChunkBytes>;

enum class Got { Bytes, Nothing, End };

// Reads once. At its end the descriptor is closed.
Got read_chunk(os::Fd& from, Chunk& chunk, std::string_view& bytes) {
  const ssize_t got = read(from.get(), chunk.data(), chunk.size());
  if (got > 0) {
    bytes = {chunk.data(), static_cast<size_t>(got)};
    return Got::Bytes;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Got::Nothing;
  from.reset();
  return Got::End;
}

FrameType frame_of(Stream stream) { return stream == Stream::Stdout ? FrameType::Stdout : FrameType::Stderr; }

}  // namespace

void Shim::watch(Poll& poll) {
  poll.readable(signals_.get(), [this] { read_signals(); });
  if (main_) watch_workload(poll);
  for (auto& [id, connection] : connections_) {
    invite_input(connection);
    watch_connection(poll, connection);
  }
  // The last: it may remove connections, to make room.
  poll.readable(place_.listener.get(), [this] { accept_client(); });
}

void Shim::watch_workload(Poll& poll) {
  const Connection* owner = find_owner();
  if (owner == nullptr || !owner->is_behind()) {
    auto& stdio = main_->stdio;
    if (stdio.out.valid()) {
      poll.readable(stdio.out.get(), [this] {
        if (main_) read_output(main_->stdio.out, Stream::Stdout);
      });
    }
    if (stdio.err.valid()) {
      poll.readable(stdio.err.get(), [this] {
        if (main_) read_output(main_->stdio.err, Stream::Stderr);
      });
    }
  }
  pass_on(input_, main_->stdio);
  if (input_.has_work()) poll.writable(input_fd(main_->stdio), [] {});
}

void Shim::watch_connection(Poll& poll, Connection& connection) {
  if (connection.has_output()) poll.writable(connection.fd(), [&] { connection.flush(); });
  if (connection.is_leaving()) {
    poll.gone(connection.fd(), [&] { connection.close(); });
  } else {
    poll.readable(connection.fd(), [this, &connection] {
      connection.fill();
      serve(connection);
    });
  }
  if (!connection.exec) return;
  auto& stdio = connection.exec->stdio;
  if (!connection.is_behind()) {
    if (stdio.out.valid()) {
      poll.readable(stdio.out.get(), [&] {
        if (connection.exec) read_exec_output(connection, connection.exec->stdio.out, FrameType::Stdout);
      });
    }
    if (stdio.err.valid()) {
      poll.readable(stdio.err.get(), [&] {
        if (connection.exec) read_exec_output(connection, connection.exec->stdio.err, FrameType::Stderr);
      });
    }
  }
  pass_on(connection.input, stdio);
  if (connection.input.has_work()) poll.writable(input_fd(stdio), [] {});
}

void Shim::read_output(os::Fd& from, Stream stream) {
  Chunk chunk;
  std::string_view bytes;
  if (!from.valid() || read_chunk(from, chunk, bytes) != Got::Bytes) return;
  tell_output(stream, bytes);
}

void Shim::tell_output(Stream stream, std::string_view bytes) {
  log_.append(os::now_wall(), stream, bytes);
  if (output_) output_->append(frame_of(stream), bytes);
  for (auto& [id, connection] : connections_) {
    if (connection.role != Role::Viewer && connection.role != Role::Owner) continue;
    connection.stream(frame_of(stream), bytes);
    connection.flush();
  }
}

void Shim::read_exec_output(Connection& connection, os::Fd& from, FrameType type) {
  Chunk chunk;
  std::string_view bytes;
  if (!from.valid() || read_chunk(from, chunk, bytes) != Got::Bytes) return;
  connection.stream(type, bytes);
  connection.flush();
}

// What the run has written and nobody read yet. All of its processes are dead.
void Shim::drain() {
  Chunk chunk;
  std::string_view bytes;
  auto& stdio = main_->stdio;
  for (const auto& [from, stream] : {std::pair{&stdio.out, Stream::Stdout}, std::pair{&stdio.err, Stream::Stderr}}) {
    for (int i = 0; i < kMostLastChunks && from->valid() && read_chunk(*from, chunk, bytes) == Got::Bytes; ++i) {
      tell_output(stream, bytes);
    }
  }
}

void Shim::end_exec(Connection& connection, const workload::Exit& exit) {
  Chunk chunk;
  std::string_view bytes;
  auto& stdio = connection.exec->stdio;
  for (const auto& [from, type] :
       {std::pair{&stdio.out, FrameType::Stdout}, std::pair{&stdio.err, FrameType::Stderr}}) {
    for (int i = 0; i < kMostLastChunks && from->valid() && read_chunk(*from, chunk, bytes) == Got::Bytes; ++i) {
      connection.stream(type, bytes);
    }
  }
  connection.exec.reset();
  connection.send(FrameType::Exited, workload::encode_exit(exit));
  connection.leave();
  connection.flush();
}

bool Shim::is_output_awaited(base::Duration since_the_end) const {
  for (const auto& [id, connection] : connections_) {
    const base::Duration longest = connection.is_paced() ? kLongestFarewell : kShortFarewell;
    if (!connection.is_over() && since_the_end < longest) return true;
  }
  return false;
}

Connection* Shim::find_owner() {
  for (auto& [id, connection] : connections_) {
    if (connection.role == Role::Owner && !connection.is_over()) return &connection;
  }
  return nullptr;
}

}  // namespace weft::shim
