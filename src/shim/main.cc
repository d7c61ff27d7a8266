// weft-shim DIR: the parent of the workload that DIR/spec describes.
//
// Goes into the background once it owns DIR and listens on DIR/sock, and ends
// when the workload has, and whoever ran it in the foreground has seen the end. If stdin is a stream socket, that is
// its first client, and what it has sent is read before the command is started. SIGTERM stops the workload, and so the
// shim. Its end by SIGKILL is that of the workload, too.
//
// Exits: 0 in the background, 1 failed, 2 usage, 4 another shim owns DIR.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "os/clock.h"
#include "os/file.h"
#include "shim/shim.h"

namespace weft::shim {
namespace {

using base::Code;
using base::errno_error;
using os::Fd;
using workload::Spec;

Result<Fd> own_directory(const char* directory) {
  Fd lock(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid() || fchdir(lock.get()) != 0) return errno_error(fmt::format("open {}", directory), errno);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return error(Code::Conflict, "another shim owns {}", directory);
  return errno_error(fmt::format("lock {}", directory), errno);
}

// Relative, and so never too long for a socket's address.
Result<Fd> listen_here() {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return errno_error("socket", errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "sock");
  (void)unlink("sock");
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_error("bind sock", errno);
  }
  if (listen(socket.get(), kMostConnections) != 0) return errno_error("listen on sock", errno);
  return socket;
}

Fd take_first_client() {
  struct stat state {};
  if (fstat(STDIN_FILENO, &state) != 0 || !S_ISSOCK(state.st_mode)) return {};
  return Fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
}

Result<Spec> read_spec() {
  const auto text = TRY(os::read_file("spec", workload::kMostTextBytes));
  return workload::parse_spec(text).within("spec");
}

// World-readable: the workload's user resolves names with them.
Result<> write_own_files(const Spec& spec) {
  if (spec.resolv_conf) TRY_VOID(os::write_file_atomic("resolv.conf", *spec.resolv_conf, 0644, os::Durability::Cached));
  if (spec.hosts) TRY_VOID(os::write_file_atomic("hosts", *spec.hosts, 0644, os::Durability::Cached));
  return {};
}

// For who looks into the directory and finds nobody there.
Error leave_word(const Error& error) {
  workload::Status status;
  status.state = workload::RunState::Failed;
  status.reason = error.what;
  status.ended = os::now_wall();
  (void)os::write_file_atomic("status", encode(status), 0600, os::Durability::Cached);
  return error;
}

// All that can be found wrong before there is a shim.
Result<Spec> prepare(Place& place) {
  auto spec = TRY(read_spec());
  TRY_VOID(write_own_files(spec));
  place.listener = TRY(listen_here());
  return spec;
}

enum class Side { Parent, Background };

Result<Side> go_into_background() {
  const pid_t pid = fork();
  if (pid < 0) return errno_error("fork", errno);
  return pid > 0 ? Side::Parent : Side::Background;
}

Result<> cut_loose() {
  (void)setsid();
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return errno_error("open /dev/null", errno);
  for (int stream = 0; stream < 3; ++stream) dup2(null.get(), stream);
  return {};
}

Result<> run(const char* directory) {
  Place place;
  place.lock = TRY(own_directory(directory));
  place.first = take_first_client();
  auto spec = prepare(place);
  if (!spec.ok()) return leave_word(spec.error());
  const Side side = TRY(go_into_background());
  if (side == Side::Parent) return {};
  TRY_VOID(cut_loose());
  auto shim = Shim::create(std::move(*spec), std::move(place));
  if (!shim.ok()) return leave_word(shim.error());
  shim->run();
  return {};
}

// Descriptors that a careless parent left open, and a place for 0, 1 and 2.
void tidy_descriptors() {
  for (int number = 0; number < 3; ++number) {
    if (fcntl(number, F_GETFD) < 0) (void)open("/dev/null", O_RDWR);
  }
  close_range(3, ~0U, 0);
}

}  // namespace
}  // namespace weft::shim

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: weft-shim DIR\n");
    return 2;
  }
  weft::shim::tidy_descriptors();
  umask(077);
  const auto outcome = weft::shim::run(argv[1]);
  if (outcome.ok()) return 0;
  std::fprintf(stderr, "weft-shim: %s\n", outcome.error().what.c_str());
  return outcome.error().code == weft::base::Code::Conflict ? 4 : 1;
}
