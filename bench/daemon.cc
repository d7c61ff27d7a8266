#include "bench/daemon.h"

#include <fmt/ranges.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "os/file.h"

namespace weft::bench {

using base::Code;
using base::errno_error;

namespace {

constexpr char kInstance[] = "bench";
constexpr std::chrono::seconds kPatience{20};

}  // namespace

std::vector<std::string> Weftd::daemon(std::vector<std::string> more) const {
  std::vector<std::string> argv{programs_ + "/weftd", "--instance",      kInstance,        "--state-directory",
                                folder_ + "/state",   "--run-directory", "/run/weft-bench"};
  argv.insert(argv.end(), more.begin(), more.end());
  return argv;
}

Result<Weftd> Weftd::start() {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self);
  if (size < 0) return errno_error("find the programs beside the benchmark", errno);
  const auto programs = std::filesystem::path(std::string(self, static_cast<size_t>(size))).parent_path() / "../bin";
  std::string folder = "/var/tmp/weft-bench-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return errno_error("make " + folder, errno);
  setenv("WEFT_SOCKET", "/run/weft-bench/weft.sock", 1);
  Weftd weftd(programs.lexically_normal(), folder);
  weftd.pid_ = TRY(os::spawn_detached({.argv = weftd.daemon({})}));
  const auto latest = std::chrono::steady_clock::now() + kPatience;
  while (!weftd.weft({"vpc", "ls"}).ok()) {
    if (std::chrono::steady_clock::now() > latest) return error(Code::TimedOut, "weftd doesn't answer");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return weftd;
}

Weftd::~Weftd() {
  if (programs_.empty()) return;
  if (pid_ != 0) {
    kill(pid_, SIGTERM);
    for (int i = 0; i < 200 && kill(pid_, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  (void)os::run_program({.argv = daemon({"--remove"})}, {.deadline = std::chrono::seconds(120)});
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Result<> Weftd::weft(std::vector<std::string> arguments) const {
  std::vector<std::string> argv{programs_ + "/weft"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto done = TRY(os::run_program({.argv = argv}));
  if (done.status != 0) return error(Code::Failed, "weft {}: {}", fmt::join(arguments, " "), done.errors);
  return {};
}

Result<long> Weftd::resident_kib() const { return resident_kib_of(std::to_string(pid_)); }

Result<long> resident_kib_of(const std::string& process) {
  const std::string status = TRY(os::read_file("/proc/" + process + "/status", 1 << 16));
  const size_t at = status.find("VmRSS:");
  if (at == std::string::npos) return error(Code::Failed, "process {} is gone", process);
  return std::atol(status.c_str() + at + 6);
}

}  // namespace weft::bench
