// For tests: a program on a terminal of its own.
#pragma once

#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "cli/fake_weftd.h"

namespace weft::cli {

// The first word is the program's path. PATH begins with the folder of `weft`.
class OnTerminal {
 public:
  OnTerminal(const FakeWeftd& weftd, std::vector<std::string> words) {
    winsize size{.ws_row = 33, .ws_col = 99, .ws_xpixel = 0, .ws_ypixel = 0};
    int master = -1;
    int slave = -1;
    if (openpty(&master, &slave, nullptr, nullptr, &size) != 0) abort();
    for (const int fd : {master, slave}) fcntl(fd, F_SETFD, FD_CLOEXEC);
    master_ = os::Fd(master);
    slave_ = os::Fd(slave);  // stays open, so that its settings can be read afterwards
    char path[64];
    if (ttyname_r(slave, path, sizeof path) != 0) abort();
    spawn(path, weftd, std::move(words));
  }
  ~OnTerminal() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }
  void type(std::string_view keys) { (void)!write(master_.get(), keys.data(), keys.size()); }
  void resize(unsigned short rows, unsigned short columns) {
    const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(master_.get(), TIOCSWINSZ, &size);
  }
  bool is_raw() const {
    termios settings{};
    tcgetattr(slave_.get(), &settings);
    return (settings.c_lflag & ICANON) == 0;
  }
  bool await(const std::string& text) {
    pollfd ready{.fd = master_.get(), .events = POLLIN, .revents = 0};
    while (shown_.find(text) == std::string::npos) {
      char buffer[4096];
      if (poll(&ready, 1, 60'000) <= 0) return false;
      const ssize_t count = read(master_.get(), buffer, sizeof buffer);
      if (count <= 0) return false;
      shown_.append(buffer, static_cast<size_t>(count));
    }
    return true;
  }
  int finish() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  const std::string& shown() const { return shown_; }

 private:
  // The first terminal that the leader of a new session opens becomes its own.
  void spawn(const char* terminal, const FakeWeftd& weftd, std::vector<std::string> words) {
    std::vector<std::string> environment = {
        "PATH=" + std::filesystem::path(WEFT_PROGRAM).parent_path().string() + ":/usr/bin:/bin", "TERM=vt220",
        "HOME=" + (weftd.folder() / ""), "WEFT_SOCKET=" + weftd.socket()};
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    const auto argv = pointers(words);
    const auto envp = pointers(environment);
    if (posix_spawn(&pid_, words[0].c_str(), &actions, &attributes, argv.data(), envp.data()) != 0) abort();
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  os::Fd master_, slave_;
  pid_t pid_ = 0;
  std::string shown_;
};

}  // namespace weft::cli
