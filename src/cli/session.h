// Session: stdin, stdout, stderr, signals and the window's size of this process,
// joined to a command in a workload by the frames of workload/shim_protocol.h.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "workload/shim_protocol.h"

namespace weft::cli {

enum class Joined {
  Workload,  // ends when the workload has, for good
  Exec,      // ends with its command
};

// The signals that are passed on. They are blocked from construction on, so that
// none is lost between the start of a command and the joining.
class Signals {
 public:
  Signals();
  int fd() const { return fd_.get(); }
  // The next one that came; 0 if none has.
  int take();

 private:
  os::Fd fd_;
};

struct Ended {
  enum class How {
    Exit,     // it ended: exit says how
    Broken,   // the connection did
    Refused,  // it never began: refusal says why
    Hangup,   // the user's terminal is gone, or the user gave up
  } how = How::Broken;
  workload::Exit exit = {};
  workload::OutOfMemory out_of_memory = workload::OutOfMemory::No;
  int signal = 0;           // of a Hangup
  std::string reason = {};  // why the workload couldn't be run, if it couldn't
  Error refusal = {};
};

class Session {
 public:
  // `began` is called once it is joined.
  Session(os::Fd socket, Joined joined, Signals& signals, std::function<void()> began = {});
  // Until it ends. An error: what came is not the protocol, or stdout is gone.
  Result<Ended> run();

 private:
  Result<> take_frames();
  Result<> take(const workload::Frame& frame);
  Result<> take_answer(const workload::Frame& frame);
  Result<> take_status(const std::string& payload);
  void pass_signal();
  void pass_input();
  void pass_window();
  Result<> receive();
  void flush();

  os::Fd socket_;
  Joined joined_;
  Signals& signals_;
  std::function<void()> began_;
  workload::FrameReader in_;
  std::string out_;
  // Asked: what was asked for (by weftd, in our name) isn't answered yet. Until it
  // is, nothing is passed on: a signal would reach the workload itself.
  enum class Stage { Asked, Joined } stage_ = Stage::Asked;
  enum class Input { Open, Ended } input_ = Input::Open;
  std::optional<Ended> ended_;
  int impatience_ = 0;  // interrupts without an end
};

}  // namespace weft::cli
