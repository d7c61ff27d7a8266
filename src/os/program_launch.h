// What starting a program takes, for the two ways of doing it.
#pragma once

#include <spawn.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::os {

// What posix_spawn wants, prepared before any fork so that nothing allocates after it.
class Launch {
 public:
  struct Streams {
    int input;
    int output;
    int errors;
  };
  Launch(const Program& program, std::string path, Streams streams, short flags);
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch();

  // An errno, or 0. Async-signal-safe, like posix_spawn in glibc.
  int spawn(pid_t& pid) const {
    return posix_spawn(&pid, path_.c_str(), &actions_, &attributes_, argv_.data(), environment_);
  }

 private:
  std::string path_;
  std::vector<char*> argv_;
  std::vector<char*> own_environment_;
  char** environment_ = environ;
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// The pid, or what kept the program from starting.
Result<pid_t> started_or(int fault, const std::string& path, pid_t pid);

// A child inherits the namespace of the thread that makes it.
template <class Function>
Result<pid_t> start_in(const Fd* netns, Function&& start) {
  return netns != nullptr ? inside_netns(*netns, start) : start();
}

struct Pipe {
  Fd read;
  Fd write;
};
// The read end does not block.
Result<Pipe> make_pipe();

}  // namespace weft::os
