// For tests: a weftd that answers what the test says, over real HTTP on a Unix
// socket of its own, and remembers what it was asked; and the program `weft`,
// run against it.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "os/fd.h"
#include "workload/shim_protocol.h"

namespace weft::cli {

using Json = nlohmann::ordered_json;

// A folder that goes with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weft-cli-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }

 private:
  std::string path_;
};

struct Request {
  std::string method;
  Json json;
  bool operator==(const Request&) const = default;
};

// One connection of the fake, once its request has been read.
class Conversation {
 public:
  Conversation(os::Fd fd, std::string rest) : fd_(std::move(fd)) { in_.feed(rest); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void answer(int status, const std::string& body) {
    send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body);
  }
  void answer(const Json& body) { answer(200, body.dump()); }
  void refuse(int status, const Json& error) { answer(status, Json{{"error", error}}.dump()); }
  void stream(const std::vector<Json>& items) {
    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const Json& item : items) send(chunk(item.dump() + "\n"));
    send("0\r\n\r\n");
  }

  void upgrade() { send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: weft-frames\r\n\r\n"); }
  void frame(workload::FrameType type, std::string_view payload) {
    std::string bytes;
    append_frame(bytes, type, payload);
    send(bytes);
  }
  // The next frame of this type, the others passed over; nothing: the client has gone.
  std::optional<workload::Frame> await(workload::FrameType type) {
    auto frame = await();
    while (frame && frame->type != type) frame = await();
    return frame;
  }
  std::optional<workload::Frame> await() {
    while (true) {
      auto frame = in_.next();
      if (!frame.ok()) return std::nullopt;
      if (*frame) return std::move(**frame);
      char buffer[4096];
      const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
      if (count <= 0) return std::nullopt;
      in_.feed({buffer, static_cast<size_t>(count)});
    }
  }

 private:
  static std::string chunk(const std::string& text) {
    std::ostringstream out;
    out << std::hex << text.size() << "\r\n" << text << "\r\n";
    return out.str();
  }

  os::Fd fd_;
  workload::FrameReader in_;
};

class FakeWeftd {
 public:
  using Answer = std::function<void(Conversation&, const Json& request)>;

  FakeWeftd() { listen(); }
  ~FakeWeftd() { stop(); }

  std::string socket() const { return folder_ / "weftd.sock"; }
  const TemporaryFolder& folder() const { return folder_; }
  // From now on, this method is answered so.
  void on(const std::string& method, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[method] = std::move(answer);
  }
  void on(const std::string& method, Json body) {
    on(method, [body = std::move(body)](Conversation& c, const Json&) { c.answer(body); });
  }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // As when the daemon goes and comes: nobody listens in between. What is being
  // answered still is; stop() waits for it.
  void shut() {
    if (!loop_.joinable()) return;
    unlink(socket().c_str());
    shutdown(listener_.get(), SHUT_RDWR);
    loop_.join();
  }
  void stop() {
    shut();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    listener_.reset();
  }
  void listen() {
    listener_ = os::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) abort();
    if (::listen(listener_.get(), 16) != 0) abort();
    loop_ = std::thread([this] { accept_all(); });
  }

 private:
  void accept_all() {
    while (true) {
      os::Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.valid()) return;
      threads_.emplace_back([this, owned = fd.release()] { serve(os::Fd(owned)); });
    }
  }

  void serve(os::Fd fd) {
    std::string text;
    size_t body_at = std::string::npos;
    size_t length = 0;
    while (body_at == std::string::npos || text.size() < body_at + length) {
      char buffer[65536];
      const ssize_t count = recv(fd.get(), buffer, sizeof buffer, 0);
      if (count <= 0) return;
      text.append(buffer, static_cast<size_t>(count));
      const size_t end = text.find("\r\n\r\n");
      if (body_at != std::string::npos || end == std::string::npos) continue;
      body_at = end + 4;
      length = std::stoul(text.substr(text.find("Content-Length: ") + 16));
    }
    const std::string method = text.substr(9, text.find(' ', 9) - 9);  // POST /v1/...
    const Json json = Json::parse(text.substr(body_at, length));
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back({method, json});
      if (answers_.contains(method)) answer = answers_[method];
    }
    Conversation conversation(std::move(fd), text.substr(body_at + length));
    if (answer) return answer(conversation, json);
    conversation.refuse(404, {{"code", "not_found"}, {"message", "no method " + method}});
  }

  TemporaryFolder folder_;
  os::Fd listener_;
  std::thread loop_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::map<std::string, Answer> answers_;
  std::vector<Request> requests_;
};

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

// As execve takes them.
inline std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

// A run of `weft` that goes on.
class Program {
 public:
  struct Options {
    std::string input;                                       // its stdin, which then ends
    std::vector<std::string> environment;                    // besides PATH and HOME
    enum class Stdin { Text, Open } stdin_is = Stdin::Text;  // Open: write() gives more
  };

  Program(const FakeWeftd& weftd, std::vector<std::string> words) : Program(weftd, std::move(words), Options{}) {}
  Program(const FakeWeftd& weftd, std::vector<std::string> words, Options options) {
    words.insert(words.begin(), WEFT_PROGRAM);
    options.environment.insert(options.environment.end(), {"PATH=/usr/bin:/bin", "HOME=" + (weftd.folder() / ""),
                                                           "WEFT_SOCKET=" + weftd.socket()});
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) abort();
    in_ = os::Fd(in[1]);
    out_ = os::Fd(out[0]);
    err_ = os::Fd(err[0]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    if (posix_spawn(&pid_, WEFT_PROGRAM, &actions, nullptr, pointers(words).data(),
                    pointers(options.environment).data()) != 0) {
      abort();
    }
    posix_spawn_file_actions_destroy(&actions);
    for (const int fd : {in[0], out[1], err[1]}) close(fd);
    write(options.input);
    if (options.stdin_is == Options::Stdin::Text) in_.reset();
  }
  ~Program() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void write(std::string_view text) {
    if (!text.empty() && ::write(in_.get(), text.data(), text.size()) < 0) abort();
  }
  void signal(int number) { kill(pid_, number); }
  // Until its stdout, which nobody reads, takes no more.
  void await_full_output() const {
    int unread = 0;
    while (unread < fcntl(out_.get(), F_GETPIPE_SZ)) {
      if (ioctl(out_.get(), FIONREAD, &unread) != 0) abort();
      usleep(2000);
    }
  }
  // Nobody reads its stdout any more.
  void close_output() { out_.reset(); }
  // Reads until this text has come on stdout or stderr; false: the program has ended.
  bool await_output(const std::string& text) {
    while (so_far_.out.find(text) == std::string::npos && so_far_.err.find(text) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  Outcome finish() {
    in_.reset();
    while (read_some()) {
    }
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    so_far_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return so_far_;
  }

 private:
  static void take(os::Fd& from, short events, std::string& to) {
    if (events == 0) return;
    char buffer[65536];
    const ssize_t count = read(from.get(), buffer, sizeof buffer);
    if (count > 0) return void(to.append(buffer, static_cast<size_t>(count)));
    from.reset();
  }
  bool read_some() {
    if (!out_.valid() && !err_.valid()) return false;
    pollfd ready[2] = {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}};  // one that is closed has -1
    if (poll(ready, 2, 60'000) <= 0) return false;
    take(out_, ready[0].revents, so_far_.out);
    take(err_, ready[1].revents, so_far_.err);
    return true;
  }

  pid_t pid_ = 0;
  os::Fd in_, out_, err_;
  Outcome so_far_;
};

inline Outcome run_weft(const FakeWeftd& weftd, std::vector<std::string> words, Program::Options options = {}) {
  return Program(weftd, std::move(words), std::move(options)).finish();
}

}  // namespace weft::cli
