#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "workload/shim_client.h"

namespace weft::workload {

using base::Code;
using base::errno_error;
using os::Fd;

Result<ShimClient> ShimClient::connect(const std::string& directory) {
  // By way of /proc, because a socket's address holds only 107 characters.
  const Fd at(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid() && errno == ENOENT) return error(Code::NotFound, "no directory {}", directory);
  if (!at.valid()) return errno_error("open " + directory, errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "/proc/self/fd/{}/sock", at.get());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return errno_error("socket", errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return ShimClient(std::move(socket));
  }
  if (errno == ENOENT || errno == ECONNREFUSED) return error(Code::NotFound, "no shim listens in {}", directory);
  if (errno == EAGAIN) return error(Code::Unavailable, "the shim in {} has too many connections waiting", directory);
  return errno_error("connect to the shim in " + directory, errno);
}

Result<ShimClient> ShimClient::adopt(Fd socket) {
  if (fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("adopt a socket", errno);
  return ShimClient(std::move(socket));
}

void ShimClient::send(FrameType type, std::string_view payload) { append_frame(out_, type, payload); }

Result<> ShimClient::flush() {
  while (!out_.empty()) {
    const ssize_t put = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return {};
    if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) return error(Code::Unavailable, "the shim has closed");
    if (put < 0) return errno_error("send to the shim", errno);
    out_.erase(0, static_cast<size_t>(put));
  }
  return {};
}

// Whether there was something.
Result<bool> ShimClient::read_some() {
  std::array<char, 65536> chunk;
  const ssize_t got = recv(socket_.get(), chunk.data(), chunk.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return error(Code::Unavailable, "the shim has closed");
  if (got < 0) return errno_error("receive from the shim", errno);
  in_.feed({chunk.data(), static_cast<size_t>(got)});
  return true;
}

Result<std::optional<Frame>> ShimClient::receive() {
  while (true) {
    auto frame = TRY(in_.next());
    if (frame) return frame;
    const bool more = TRY(read_some());
    if (!more) return std::optional<Frame>();
  }
}

Result<Frame> ShimClient::wait(base::Duration longest) {
  const base::BootTime deadline = os::now_boot() + longest;
  while (true) {
    // What it said before it closed still counts.
    (void)flush();
    auto frame = TRY(receive());
    if (frame) return std::move(*frame);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - os::now_boot());
    if (left.count() <= 0) return error(Code::TimedOut, "no answer from the shim");
    pollfd event{socket_.get(), static_cast<short>(wants_write() ? POLLIN | POLLOUT : POLLIN), 0};
    poll(&event, 1, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
  }
}

namespace {

struct Pair {
  Fd ours;
  Fd theirs;
};

Result<Pair> socket_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return errno_error("socketpair", errno);
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

Result<Pair> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("pipe", errno);
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

Result<pid_t> spawn(const std::string& program, const std::string& directory, int input, int errors) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::array<char*, 3> argv = {const_cast<char*>(program.c_str()), const_cast<char*>(directory.c_str()), nullptr};
  pid_t pid = 0;
  const int fault = posix_spawn(&pid, program.c_str(), &files, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (fault != 0) return errno_error("start " + program, fault);
  return pid;
}

// Until the other side has closed it; what is too long is cut.
std::string read_complaint(int fd) {
  std::string text;
  std::array<char, 1024> chunk;
  while (true) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    if (text.size() < 4096) text.append(chunk.data(), static_cast<size_t>(got));
  }
}

}  // namespace

Result<ShimClient> start_shim(const std::string& program, const std::string& directory, const Spec& spec,
                              const std::vector<Frame>& first) {
  TRY_VOID(validate(spec));
  TRY_VOID(os::write_file_atomic(directory + "/spec", encode(spec), 0600, os::Durability::Cached));
  auto socket = TRY(socket_pair());
  auto errors = TRY(make_pipe());
  auto client = TRY(ShimClient::adopt(std::move(socket.ours)));
  for (const Frame& frame : first) client.send(frame.type, frame.payload);
  TRY_VOID(client.flush());
  const pid_t pid = TRY(spawn(program, directory, socket.theirs.get(), errors.theirs.get()));
  errors.theirs.reset();
  const std::string complaint = read_complaint(errors.ours.get());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return client;
  const Code code = WIFEXITED(status) && WEXITSTATUS(status) == 4 ? Code::Conflict : Code::Failed;
  return error(code, "weft-shim did not start: {}", base::trim(complaint));
}

Result<Status> read_status(const std::string& directory) {
  const auto text = TRY(os::read_file(directory + "/status", kMostTextBytes));
  return parse_status(text).within(directory + "/status");
}

}  // namespace weft::workload
