#include <fcntl.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"
#include "base/text.h"
#include "os/program_launch.h"

namespace weft::os {

using base::Code;
using base::errno_error;

namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  // exec's signature is older than const; nothing writes there.
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* own = getenv("PATH");
  const std::string path = std::string(own != nullptr ? own : "") + ":/usr/sbin:/usr/bin:/sbin:/bin";
  for (const auto directory : base::split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    const std::string candidate = std::string(directory) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return error(Code::NotFound, "no program {} is installed", base::printable(name));
}

Launch::Launch(const Program& program, std::string path, Streams streams, short flags)
    : path_(std::move(path)), argv_(pointers(program.argv)) {
  if (program.environment) {
    own_environment_ = pointers(*program.environment);
    environment_ = own_environment_.data();
  }
  CHECK(posix_spawn_file_actions_init(&actions_) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions_, streams.input, 0) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions_, streams.output, 1) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions_, streams.errors, 2) == 0);
  CHECK(posix_spawn_file_actions_addclosefrom_np(&actions_, 3) == 0);
  CHECK(posix_spawnattr_init(&attributes_) == 0);
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  CHECK(posix_spawnattr_setsigdefault(&attributes_, &all) == 0);
  CHECK(posix_spawnattr_setsigmask(&attributes_, &none) == 0);
  CHECK(posix_spawnattr_setpgroup(&attributes_, 0) == 0);
  CHECK(posix_spawnattr_setflags(&attributes_,
                                 static_cast<short>(flags | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)) == 0);
}

Launch::~Launch() {
  posix_spawn_file_actions_destroy(&actions_);
  posix_spawnattr_destroy(&attributes_);
}

Result<pid_t> started_or(int fault, const std::string& path, pid_t pid) {
  if (fault != 0) return errno_error("run " + path, fault);
  return pid;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("make a pipe", errno);
  Pipe made{Fd(ends[0]), Fd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return errno_error("make a pipe", errno);
  return made;
}

}  // namespace weft::os
