// Connection: one client of the shim's socket. Frames in, frames out, neither
// ever waiting for the client.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"
#include "shim/process.h"
#include "workload/shim_protocol.h"

namespace weft::shim {

// What a viewer may be behind before it is dropped: more than a screen of anything.
inline constexpr size_t kMostViewerBacklog = 256 * 1024;
// What the owner may be behind before the command has to wait.
inline constexpr size_t kMostOwnerBacklog = 64 * 1024;
// What anybody may be behind before it is let go, who asks and never reads the answers:
// more than the newest output and all that a run leaves in its pipes (a MiB for each) together.
inline constexpr size_t kMostUnread = 8 << 20;
// Input that waits for a command; its sender waits with more, and is told to go on in halves of it.
inline constexpr size_t kMostInputBytes = 64 * 1024;

// Input on its way to a command, over all of its runs. What one of them leaves is for
// nobody; that it has ended is so for each.
struct Input {
  uint64_t taken = 0;  // bytes, those that nobody wants included
  std::string pending;
  enum class End { Open, Wanted, Done } end = End::Open;

  // What of it may come by now, counted as `taken` is.
  uint64_t up_to() const { return taken - pending.size() + kMostInputBytes; }
  void begin_next_run();
  bool has_work() const { return !pending.empty() || end == End::Wanted; }
};

// Where input goes; -1: nobody reads any.
int input_fd(const OurStdio& stdio);
// As much as the command takes now, and its end.
void pass_on(Input& input, OurStdio& stdio);

enum class Role {
  Caller,  // asks and is answered
  Viewer,  // sees the workload's output
  Owner,   // and gives its input
  Exec,    // is the terminal of a command of its own
};

class Connection {
 public:
  Connection(uint64_t id, os::Fd socket) : id_(id), socket_(std::move(socket)) {}

  uint64_t id() const { return id_; }
  int fd() const { return socket_.get(); }

  void send(workload::FrameType type, std::string_view payload = {});
  void refuse(const Error& error) { send(workload::FrameType::Refused, workload::encode_refusal(error)); }
  // Output, cut into frames; a viewer who is too far behind gets the end instead.
  void stream(workload::FrameType type, std::string_view bytes);
  // Nothing is read any more; it is over once all is sent.
  void leave() { leaving_ = true; }

  void flush();
  // Reads what is there; an unreadable client is closed.
  void fill();
  std::optional<workload::Frame> next();

  void close() { socket_.reset(); }
  bool is_over() const { return !socket_.valid() || (leaving_ && out_.empty()); }
  bool is_leaving() const { return leaving_; }
  bool has_output() const { return !out_.empty(); }
  bool is_behind() const { return backlog_ >= kMostOwnerBacklog; }
  // Whose output is never lost, and who gives input.
  bool is_paced() const { return role == Role::Owner || role == Role::Exec; }

  Role role = Role::Caller;
  enum class Subscription { None, Active } subscription = Subscription::None;
  // Of the Exec role.
  std::optional<Process> exec;
  Input input;
  uint64_t invited = 0;  // it was told that it may send input up to there

 private:
  void drop();

  uint64_t id_;
  os::Fd socket_;
  workload::FrameReader in_;
  std::deque<std::string> out_;  // frames; the first may be sent in part
  size_t sent_ = 0;              // of the first
  size_t backlog_ = 0;           // bytes in out_
  bool leaving_ = false;
};

}  // namespace weft::shim
