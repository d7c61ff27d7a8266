// Session: stdin, stdout, stderr, signals and the window's size of this process,
// joined to a command in a workload by the frames of workload/shim_protocol.h.
#pragma once

#include <cerrno>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"
#include "workload/backlog.h"
#include "workload/shim_protocol.h"

namespace weft::cli {

enum class Joined {
  Workload,  // ends when the workload has, for good
  Exec,      // ends with its command
};

// Signals that the command's parent may not have had: the newest. While nobody answers,
// nobody sends so many.
inline constexpr size_t kMostKeptSignals = 64;

// The signals that are passed on. They are blocked from construction on, so that
// none is lost between the start of a command and the joining.
class Signals {
 public:
  Signals();
  int fd() const { return fd_.get(); }
  // The next one that came; 0 if none has.
  int take();

  // Kept, through all sessions, until the parent says that it has had it.
  void keep(int signal);
  const std::deque<int>& kept() const { return kept_; }
  // So many the parent has had in all.
  void drop_until(uint64_t had);
  // As many another parent has had of others.
  void begin_at(uint64_t had) { had_ = had; }

 private:
  void drop_first();

  os::Fd fd_;
  std::deque<int> kept_;
  uint64_t had_ = 0;  // before those
};

// Where the command's output goes, through all sessions. After a write that
// failed there is no more of it.
class Output {
 public:
  // Some of it, and what is left. Where poll says that there is room it doesn't block.
  std::string_view write(int fd, std::string_view bytes);
  void receive(uint64_t bytes) { received_ += bytes; }
  // Bytes so far, those that nobody took included.
  uint64_t received() const { return received_; }
  // The command's output goes on at that position.
  void go_on_at(uint64_t position) { received_ = position; }
  // The errno of that write; 0: all could be written.
  int fault() const { return fault_; }
  // What the command writes is for nobody any more. (A terminal that hung up is
  // told of by SIGHUP, which a command may choose to survive.)
  bool is_unheard() const { return fault_ != 0 && fault_ != EIO; }

 private:
  int fault_ = 0;
  uint64_t received_ = 0;
};

// What was read from stdin, through all sessions: what one of them lost is passed
// on by the next.
struct Input {
  workload::Backlog sent;
  uint64_t life = 0;  // of the parent that it was sent to
  enum class State { Open, Ended } state = State::Open;
};

struct Ended {
  enum class How {
    Exit,     // it ended: exit says how
    Broken,   // the connection did
    Refused,  // it never began: refusal says why
    Hangup,   // the user gave up
    Deaf,     // nobody takes its output any more
  } how = How::Broken;
  workload::Exit exit = {};
  workload::OutOfMemory out_of_memory = workload::OutOfMemory::No;
  int signal = 0;           // of a Hangup
  std::string reason = {};  // why the workload couldn't be run, if it couldn't
  Error refusal = {};
};

class Session {
 public:
  // `began` is called once it is joined, with the bytes of output that were lost
  // between the session before it and this one.
  Session(os::Fd socket, Joined joined, Signals& signals, Input& input, Output& output,
          std::function<void(uint64_t lost)> began = {});
  // Until it ends. An error: what came is not the protocol.
  Result<Ended> run();

 private:
  Result<> turn();
  void begin(const std::optional<workload::Progress>& progress);
  uint64_t go_on(const workload::Progress& progress);
  void take_output(int fd, std::string_view bytes);
  void await_room(int fd);
  void end_unheard();
  void end_at_last();
  int wait_millis() const;
  Result<> take_frames();
  Result<> take(const workload::Frame& frame);
  Result<> take_answer(const workload::Frame& frame);
  Result<> take_status(const std::string& payload);
  void take_signals();
  void pass_on(int signal);
  void send_signal(int signal);
  bool is_given_up(int signal);
  void pass_input();
  void pass_window();
  Result<> receive();
  void flush();

  os::Fd socket_;
  Joined joined_;
  Signals& signals_;
  Input& input_;
  Output& output_;
  std::function<void(uint64_t lost)> began_;
  uint64_t input_up_to_ = 0;  // that the command, or what passes it on, has room for
  bool may_read_;             // stdin: a job in the background would be stopped
  workload::FrameReader in_;
  std::string out_;
  // Asked: what was asked for (by weftd, in our name) isn't answered yet. Until it
  // is, nothing is passed on: a signal would reach the workload itself. Those for a
  // workload are kept; an exec's command isn't there yet, and needs none.
  enum class Stage { Asked, Joined } stage_ = Stage::Asked;
  std::optional<Ended> ended_;
  int impatience_ = 0;                    // interrupts without an end
  std::optional<base::BootTime> end_at_;  // what was told to end is ended
};

}  // namespace weft::cli
