#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <thread>

#include "api/client.h"
#include "api/http_server.h"
#include "api/loop_testing.h"
#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;
using namespace std::chrono_literals;

// A connection that speaks whatever a test wants it to.
class Raw {
 public:
  explicit Raw(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      text.remove_prefix(static_cast<size_t>(count));
    }
  }
  // Until `end` stands in it, or the server closes.
  std::string receive(std::string_view end = "\xff") {
    std::string text;
    std::array<char, 4096> bytes;
    while (text.find(end) == std::string::npos) {
      const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) break;
      text.append(bytes.data(), static_cast<size_t>(count));
    }
    return text;
  }
  void shut() { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  os::Fd socket_;
};

std::string post(std::string_view method, std::string_view body, std::string_view headers = "") {
  return fmt::format("POST /v1/{} HTTP/1.1\r\nHost: weft\r\nContent-Length: {}\r\n{}\r\n{}", method, body.size(),
                     headers, body);
}

class HttpTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/weft-http-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    serve({});
  }
  void TearDown() override {
    stop();
    ::rmdir(folder_.c_str());
  }
  void serve(const ServerLimits& limits, Roles roles = {}) {
    stop();
    auto server = Server::listen(loop_, *dispatch_, {.path = path(), .roles = std::move(roles), .limits = limits});
    ASSERT_TRUE(server.ok()) << server.error().what;
    server_ = *std::move(server);
    loop_.restart();
    work_.emplace(loop_.get_executor());
    thread_ = std::thread([this] { loop_.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(loop_, [this] {
      server_.reset();
      work_.reset();
    });
    thread_.join();
  }
  std::string path() const { return folder_ + "/sock"; }
  template <class F>
  auto on_loop(F f) {
    return run_on(loop_, std::move(f));
  }
  template <class F>
  bool becomes(F condition) {
    return becomes_on(loop_, std::move(condition));
  }
  Client client() {
    auto made = Client::connect(path());
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }
  // That the server still serves: the point of every test of bad input.
  void expect_alive() {
    auto answer = client().call("Diagnosis/Version", Client::Json::object(), kPatience);
    ASSERT_TRUE(answer.ok()) << answer.error().what;
    EXPECT_EQ((*answer)["api"], "v1");
  }

  std::string folder_;
  boost::asio::io_context loop_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  FakeBackend backend_;
  std::unique_ptr<Dispatch> dispatch_ = make_dispatch(backend_);
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(HttpTest, AnswersAndKeepsTheConnection) {
  Client connection = client();
  const auto made = connection.call("Vpcs/Create", {{"name", "shop"}, {"cidrs", {"10.0.0.0/16"}}});
  ASSERT_TRUE(made.ok()) << made.error().what;
  const auto got = connection.call("Vpcs/Get", {{"name", (*made)["id"]}});
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_EQ((*got)["name"], "shop");
  EXPECT_TRUE(becomes([this] { return server_->connections() == 1; }));
}

TEST_F(HttpTest, ErrorsCarryCodeFieldAndHolder) {
  Client connection = client();
  ASSERT_TRUE(connection.call("Vpcs/Create", {{"name", "shop"}, {"cidrs", {"10.0.0.0/16"}}}).ok());
  const auto missing = connection.call("Vpcs/Get", {{"name", "nowhere"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_EQ(missing.error().field, "name");
  const auto other = connection.call("Vpcs/Create", {{"name", "shop"}, {"cidrs", {"10.1.0.0/16"}}});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, Code::Conflict);
  EXPECT_EQ(other.error().field, "cidrs");
  EXPECT_TRUE(other.error().holder.starts_with("vpc-"));
}

TEST_F(HttpTest, GarbageIsRefused) {
  base::Rng rng(5);
  const char* const starts[] = {"\x16\x03\x01 hello",
                                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                "POST /v1/Vpcs/List HTTP/1.0\r\n\r\n",
                                "POST /v1 HTTP/1.1\r\n\r\n",
                                "POST /v1/Vpcs/Nothing HTTP/1.1\r\n\r\n",
                                "GET /v1/Vpcs/List HTTP/1.1\r\n\r\n",
                                "POST /v1/Vpcs/List HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                "BREW /pot HTTP/1.1\r\n\r\n",
                                "POST /v1/Vpcs/List HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                                "POST /v1/Workloads/Attach HTTP/1.1\r\nContent-Length: 0\r\n\r\n"};
  for (const char* text : starts) {
    Raw raw(path());
    raw.send(text);
    raw.shut();
    const std::string answer = raw.receive();
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"))
        << text << answer;
  }
  for (int round = 0; round < 200; ++round) {
    Raw raw(path());
    std::string text = post("Vpcs/List", "{}");
    for (int i = 0; i < 3; ++i) text[rng.below(text.size())] = static_cast<char>(rng.next());
    raw.send(text);
    raw.shut();
    (void)raw.receive();
  }
  expect_alive();
}

TEST_F(HttpTest, BadJsonIsRefusedAndTheConnectionGoesOn) {
  Raw raw(path());
  for (const char* body : {"{", "[1]", "{\"nmae\":1}", "{\"name\":5}"}) {
    raw.send(post("Vpcs/Get", body));
    const std::string answer = raw.receive("}}\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_NE(answer.find("\"code\":\"usage\""), std::string::npos) << answer;
  }
  raw.send(post("Diagnosis/Version", ""));
  EXPECT_TRUE(raw.receive("}\n").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpTest, AStalledClientIsDroppedAndBlocksNobody) {
  serve({.request_time = 300ms});
  Raw stalled(path());
  stalled.send("POST /v1/Vpcs/List HTTP/1.1\r\nContent-Len");
  Raw stalled_in_body(path());
  stalled_in_body.send("POST /v1/Vpcs/List HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
  expect_alive();
  EXPECT_EQ(stalled.receive(), "");
  EXPECT_EQ(stalled_in_body.receive(), "");
  EXPECT_TRUE(becomes([this] { return server_->connections() == 0; }));
}

TEST_F(HttpTest, AnIdleConnectionIsClosed) {
  serve({.idle_time = 200ms});
  Raw idle(path());
  EXPECT_EQ(idle.receive(), "");
}

TEST_F(HttpTest, AReaderThatDoesNotReadIsDropped) {
  serve({.answer_time = 300ms});
  on_loop([this] {
    backend_.checks.assign(20'000, Check{.check = "something", .health = Health::Good, .what = std::string(100, 'x')});
    return 0;
  });
  Raw lazy(path());
  lazy.send(post("Diagnosis/Doctor", ""));
  EXPECT_TRUE(becomes([this] { return server_->connections() == 1; }));
  EXPECT_TRUE(becomes([this] { return server_->connections() == 0; }));
  expect_alive();
}

TEST_F(HttpTest, OneConnectionTooManyIsTold) {
  serve({.connections = 5});
  std::vector<std::unique_ptr<Raw>> open;
  for (int i = 0; i < 5; ++i) {
    open.push_back(std::make_unique<Raw>(path()));
    open.back()->send(post("Diagnosis/Version", ""));
    EXPECT_NE(open.back()->receive("}\n").find(" 200 "), std::string::npos);
  }
  Raw sixth(path());
  const std::string answer = sixth.receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("\"unavailable\""), std::string::npos) << answer;
  open.pop_back();
  EXPECT_TRUE(becomes([this] { return server_->connections() == 4; }));
  expect_alive();
}

TEST_F(HttpTest, TheLimitsAreThosePublished) {
  const ServerLimits limits;
  EXPECT_EQ(limits.connections, 256u);
  EXPECT_EQ(limits.for_others, 240u);
  EXPECT_EQ(limits.body_bytes, 4u << 20);
  EXPECT_EQ(limits.request_time, 10s);
}

TEST_F(HttpTest, TooLargeIsRefused) {
  const std::string vpc = R"({"name":"shop","cidrs":["10.0.0.0/16"])";
  const auto padded = [](const std::string& body, size_t size) {
    return body + std::string(size - body.size() - 1, ' ') + "}";
  };
  Raw body(path());
  body.send("POST /v1/Vpcs/Create HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n");
  EXPECT_TRUE(body.receive().starts_with("HTTP/1.1 413 "));
  Raw chunked(path());
  chunked.send("POST /v1/Vpcs/Create HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n500000\r\n" +
               std::string(0x500000, ' '));
  EXPECT_TRUE(chunked.receive("}}\n").starts_with("HTTP/1.1 413 "));
  Raw fits(path());
  fits.send(post("Vpcs/Create", padded(vpc, 4 << 20)));
  EXPECT_TRUE(fits.receive("}\n").starts_with("HTTP/1.1 200 "));
  Raw read(path());
  read.send("POST /v1/Vpcs/List HTTP/1.1\r\nContent-Length: 65537\r\n\r\n");
  EXPECT_TRUE(read.receive().starts_with("HTTP/1.1 413 "));
  Raw chunked_read(path());
  chunked_read.send("POST /v1/Vpcs/List HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" +
                    std::string(0x10001, ' ') + "\r\n0\r\n\r\n");
  EXPECT_TRUE(chunked_read.receive("}}\n").starts_with("HTTP/1.1 413 "));
  Raw read_fits(path());
  read_fits.send(post("Vpcs/List", padded("{", 64 << 10)));
  EXPECT_TRUE(read_fits.receive("]}\n").starts_with("HTTP/1.1 200 "));
  Raw head(path());
  head.send("POST /v1/Vpcs/List HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_TRUE(head.receive("}}\n").starts_with("HTTP/1.1 431 "));
  expect_alive();
}

TEST_F(HttpTest, PipeliningIsRefused) {
  Raw raw(path());
  raw.send(post("Diagnosis/Version", "") + post("Diagnosis/Version", ""));
  EXPECT_TRUE(raw.receive().starts_with("HTTP/1.1 400 "));
}

TEST_F(HttpTest, ExpectContinueIsAnswered) {
  Raw raw(path());
  raw.send("POST /v1/Vpcs/List HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(raw.receive("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  raw.send("{}");
  EXPECT_TRUE(raw.receive("]}\n").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpTest, WhoSaysCloseIsLetGo) {
  Raw raw(path());
  raw.send(post("Diagnosis/Version", "", "Connection: close\r\n"));
  const std::string answer = raw.receive();
  EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
}

TEST_F(HttpTest, ACommitAnswersLaterAndOthersGoOn) {
  on_loop([this] { return backend_.hold_commits = true; });
  Raw writer(path());
  writer.send(post("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})"));
  EXPECT_TRUE(becomes([this] { return backend_.held.size() == 1; }));
  expect_alive();
  on_loop([this] {
    backend_.held.front()();
    backend_.held.pop_front();
    return 0;
  });
  EXPECT_TRUE(writer.receive("}\n").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpTest, WhoHangsUpBeforeTheAnswerIsForgotten) {
  on_loop([this] { return backend_.hold_commits = true; });
  {
    Raw writer(path());
    writer.send(post("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})"));
    EXPECT_TRUE(becomes([this] { return backend_.held.size() == 1; }));
  }
  EXPECT_TRUE(becomes([this] { return server_->connections() == 0; }));
  on_loop([this] {
    backend_.held.front()();
    backend_.held.clear();
    return 0;
  });
  expect_alive();
}

TEST_F(HttpTest, AWaitEndsWithItsCaller) {
  const std::string request = R"({"name":"w-0123456789abcdef"})";
  {
    Raw waiting(path());
    waiting.send(post("Workloads/Wait", request));
    EXPECT_TRUE(becomes([this] { return backend_.exits.open == 1; }));
  }
  EXPECT_TRUE(becomes([this] { return backend_.exits.open == 0; }));
  Raw waiting(path());
  waiting.send(post("Workloads/Wait", request));
  EXPECT_TRUE(becomes([this] { return backend_.exits.ready != nullptr; }));
  on_loop([this] {
    RunStatus ended;
    ended.state = RunState::Exited;
    ended.exit_code = 7;
    backend_.exits.items.push_back(ended);
    backend_.exits.wake();
    return 0;
  });
  EXPECT_NE(waiting.receive("}\n").find("\"exit_code\":7"), std::string::npos);
  EXPECT_EQ(on_loop([this] { return backend_.exits.open; }), 0);
}

TEST_F(HttpTest, StreamsItemsAsTheyCome) {
  on_loop([this] {
    backend_.happenings.items = {Event{.time = {1}, .kind = "a", .id = {}, .name = {}, .what = {}}};
    return 0;
  });
  std::atomic<int> seen = 0;
  std::thread reader([&] {
    const auto outcome = client().stream("Diagnosis/Events", {{"follow", true}}, [&](const Client::Json& item) {
      EXPECT_EQ(item["kind"], seen == 0 ? "a" : "b");
      ++seen;
      return Client::Next::Item;
    });
    EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().what);
  });
  EXPECT_TRUE(becomes([&] { return seen == 1 && backend_.happenings.ready != nullptr; }));
  on_loop([this] {
    backend_.happenings.items = {Event{.time = {2}, .kind = "b", .id = {}, .name = {}, .what = {}}};
    backend_.happenings.over = true;
    backend_.happenings.wake();
    return 0;
  });
  reader.join();
  EXPECT_EQ(seen, 2);
  EXPECT_TRUE(becomes([this] { return backend_.happenings.open == 0; }));
}

TEST_F(HttpTest, AStreamWaitsForItsReaderAndEndsWithIt) {
  constexpr size_t kMany = 50'000;
  on_loop([this] {
    backend_.happenings.items.assign(
        kMany, Event{.time = {1}, .kind = "x", .id = {}, .name = {}, .what = std::string(200, 'y')});
    return 0;
  });
  {
    Raw lazy(path());
    lazy.send(post("Diagnosis/Events", ""));
    EXPECT_TRUE(becomes([this] { return backend_.happenings.items.size() < kMany; }));
    expect_alive();
    EXPECT_GT(on_loop([this] { return backend_.happenings.items.size(); }), kMany / 2);
  }
  EXPECT_TRUE(becomes([this] { return backend_.happenings.open == 0; }));
}

TEST_F(HttpTest, StreamsServerSentEvents) {
  on_loop([this] {
    backend_.happenings.items = {Event{.time = {1}, .kind = "a", .id = {}, .name = {}, .what = {}}};
    backend_.happenings.over = true;
    return 0;
  });
  Raw raw(path());
  raw.send(post("Diagnosis/Events", "", "Accept: text/event-stream\r\n"));
  const std::string answer = raw.receive("0\r\n\r\n");
  EXPECT_NE(answer.find("Content-Type: text/event-stream"), std::string::npos) << answer;
  EXPECT_NE(answer.find("data: {\"time\""), std::string::npos) << answer;
}

TEST_F(HttpTest, AnUpgradeCarriesBytesBothWays) {
  const auto id = client().call("Workloads/Run", {{"name", "web"}, {"command", {"cat"}}});
  ASSERT_TRUE(id.ok());
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  os::Fd shim(pair[0]);
  ASSERT_EQ(::send(shim.get(), "early", 5, 0), 5);
  on_loop([&] {
    backend_.shim = os::Fd(pair[1]);
    return 0;
  });
  // A connection that has answered before serves as well as a fresh one.
  Client used = client();
  ASSERT_TRUE(used.call("Diagnosis/Version", Client::Json::object()).ok());
  auto upgraded = std::move(used).upgrade("Workloads/Exec", {{"name", "web"}, {"command", {"sh"}}, {"tty", true}});
  ASSERT_TRUE(upgraded.ok()) << upgraded.error().what;
  EXPECT_EQ(on_loop([this] { return backend_.executed.command.front(); }), "sh");
  std::array<char, 1 << 16> bytes{};
  ASSERT_EQ(::recv(upgraded->get(), bytes.data(), bytes.size(), 0), 5);
  // More than the buffers of the way hold, there and back.
  const std::string much(3 << 20, 'z');
  std::thread echo([&] {
    std::array<char, 1 << 16> block;
    ssize_t count;
    while ((count = ::recv(shim.get(), block.data(), block.size(), 0)) > 0) {
      for (ssize_t sent = 0; sent < count;) {
        sent += ::send(shim.get(), block.data() + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
      }
    }
    shim.reset();
  });
  std::thread writer([&] {
    std::string_view rest = much;
    while (!rest.empty()) {
      const ssize_t count = ::send(upgraded->get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      rest.remove_prefix(static_cast<size_t>(count));
    }
    ::shutdown(upgraded->get(), SHUT_WR);
  });
  size_t received = 0;
  ssize_t count;
  while ((count = ::recv(upgraded->get(), bytes.data(), bytes.size(), 0)) > 0) received += static_cast<size_t>(count);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(received, much.size());
  writer.join();
  echo.join();
  EXPECT_TRUE(becomes([this] { return server_->connections() == 0; }));
}

// A parent that ends takes no input any more; what it said last comes all the same.
TEST_F(HttpTest, AnUpgradeWhoseOtherEndHasGoneTellsAllOfIt) {
  ASSERT_TRUE(client().call("Workloads/Run", {{"name", "web"}, {"command", {"cat"}}}).ok());
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const int room = 1 << 20;
  ASSERT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room), 0);
  on_loop([&] {
    backend_.shim = os::Fd(pair[1]);
    return true;
  });
  os::Fd shim(pair[0]);
  auto upgraded = client().upgrade("Workloads/Attach", {{"name", "web"}});
  ASSERT_TRUE(upgraded.ok()) << upgraded.error().what;
  // More input than anybody takes, so that a write towards the parent is under way.
  const std::string block(64 << 10, 'i');
  while (::send(upgraded->get(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    usleep(10'000);
  }
  const std::string last(900'000, 'o');
  ASSERT_EQ(::send(shim.get(), last.data(), last.size(), MSG_NOSIGNAL), static_cast<ssize_t>(last.size()));
  shim.reset();
  usleep(50'000);
  size_t received = 0;
  std::array<char, 1 << 16> bytes{};
  ssize_t count;
  while ((count = ::recv(upgraded->get(), bytes.data(), bytes.size(), 0)) > 0) received += static_cast<size_t>(count);
  EXPECT_EQ(received, last.size());
  upgraded->reset();
  EXPECT_TRUE(becomes([this] { return server_->connections() == 0; }));
}

TEST_F(HttpTest, AnUpgradeThatFailsTellsWhy) {
  ASSERT_TRUE(client().call("Workloads/Run", {{"name", "web"}, {"command", {"cat"}}}).ok());
  const auto upgraded = client().upgrade("Workloads/Attach", {{"name", "web"}, {"received", 12}, {"life", 3}});
  ASSERT_FALSE(upgraded.ok());
  EXPECT_EQ(upgraded.error().what, "it doesn't run");
  EXPECT_EQ(backend_.attached_after, (workload::Progress{.life = 3, .output = 12}));
}

TEST_F(HttpTest, TheCallersRoleComesFromItsCredentials) {
  const Roles roles{.admins = 100, .users = {{1000, Role::Viewer}}, .groups = {{200, Role::Operator}}};
  EXPECT_EQ(roles.role_of({.user = 0, .groups = {}}), Role::Admin);
  EXPECT_EQ(roles.role_of({.user = 5, .groups = {7, 100}}), Role::Admin);
  EXPECT_EQ(roles.role_of({.user = 1000, .groups = {7}}), Role::Viewer);
  EXPECT_EQ(roles.role_of({.user = 1000, .groups = {200}}), Role::Operator);
  EXPECT_EQ(roles.role_of({.user = 1001, .groups = {7}}), Role::None);
  EXPECT_EQ(Roles{}.role_of({.user = 1001, .groups = {0}}), Role::None);
}

// What a process of that user and group gets; it says nothing itself.
std::string answer_to(const std::string& path, uid_t user, gid_t group) {
  int pair[2];
  EXPECT_EQ(pipe2(pair, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    char text[1024];
    if (setgroups(0, nullptr) != 0 || setgid(group) != 0 || setuid(user) != 0) _exit(1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(2);
    constexpr std::string_view kRequest = "POST /v1/Vpcs/Create HTTP/1.1\r\nConnection: close\r\n\r\n";
    (void)::send(socket, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    const ssize_t count = ::recv(socket, text, sizeof text, 0);
    _exit(count > 0 && ::write(pair[1], text, static_cast<size_t>(count)) == count ? 0 : 3);
  }
  ::close(pair[1]);
  const os::Fd reader(pair[0]);
  std::array<char, 1024> text;
  const ssize_t count = ::read(reader.get(), text.data(), text.size());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return {text.data(), static_cast<size_t>(std::max<ssize_t>(count, 0))};
}

TEST_F(HttpTest, WhoHasNoRoleIsDenied) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  serve({}, {.admins = 4242, .users = {{4001, Role::Viewer}}, .groups = {}});
  EXPECT_TRUE(answer_to(path(), 4000, 4000).starts_with("HTTP/1.1 403 "));
  EXPECT_NE(answer_to(path(), 4000, 4000).find("uid:4000 has no role here"), std::string::npos);
  EXPECT_NE(answer_to(path(), 4001, 4000).find("for the role admin; uid:4001 has the role viewer"), std::string::npos);
  EXPECT_TRUE(answer_to(path(), 4000, 4242).starts_with("HTTP/1.1 400 "));  // it may; a VPC needs a range
}

TEST_F(HttpTest, OthersLeaveConnectionsToRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  serve({.connections = 5, .for_others = 2}, {.admins = {}, .users = {{4001, Role::Viewer}}, .groups = {}});
  std::vector<std::unique_ptr<Raw>> open;
  for (int i = 0; i < 2; ++i) {
    open.push_back(std::make_unique<Raw>(path()));
    open.back()->send(post("Diagnosis/Version", ""));
    EXPECT_NE(open.back()->receive("}\n").find(" 200 "), std::string::npos);
  }
  EXPECT_TRUE(answer_to(path(), 4001, 4001).starts_with("HTTP/1.1 503 "));
  expect_alive();
  open.pop_back();
  EXPECT_TRUE(becomes([this] { return server_->connections() == 1; }));
  EXPECT_TRUE(answer_to(path(), 4001, 4001).starts_with("HTTP/1.1 403 "));
}

TEST_F(HttpTest, TakesOverADeadSocketButNotALivingOne) {
  boost::asio::io_context other;
  const auto second = Server::listen(other, *dispatch_, {.path = path(), .roles = {}, .limits = {}});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::Conflict);
  expect_alive();
  stop();
  os::Fd left(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  left.reset();
  serve({});
  expect_alive();
}

}  // namespace
}  // namespace weft::api
