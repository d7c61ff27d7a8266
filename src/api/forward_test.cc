// A request that another server answers.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "api/client.h"
#include "api/http_server.h"
#include "api/http_text.h"
#include "api/loop_testing.h"
#include "api/testing.h"
#include "os/unix_socket.h"

namespace weft::api {
namespace {

using base::Code;
using namespace std::chrono_literals;
using Json = Client::Json;

// `front` keeps what is agreed, and asks `back` what goes on.
class ForwardTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/weft-forward-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    back_server_ = serve(*back_dispatch_, {.path = back_path(), .mode = 0600, .roles = {}, .forwarder = geteuid()});
    front_server_ =
        serve(*front_dispatch_,
              {.path = front_path(), .roles = {}, .forwarder = {}, .elsewhere = [this](const Method& method) {
                 return elsewhere(method);
               }});
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    boost::asio::post(loop_, [this] {
      front_server_.reset();
      back_server_.reset();
      work_.reset();
    });
    thread_.join();
    ::rmdir(folder_.c_str());
  }
  std::unique_ptr<Server> serve(Dispatch& dispatch, ServerOptions options) {
    auto server = Server::listen(loop_, dispatch, std::move(options));
    EXPECT_TRUE(server.ok()) << server.error().what;
    return *std::move(server);
  }
  Result<std::optional<os::Fd>> elsewhere(const Method& method) const {
    if (method.effect == Effect::Write) return std::optional<os::Fd>();
    return std::optional(TRY(os::connect_unix(back_path())));
  }
  std::string front_path() const { return folder_ + "/front"; }
  std::string back_path() const { return folder_ + "/back"; }
  Client front() { return *Client::connect(front_path()); }

  template <class F>
  auto on_loop(F f) {
    return run_on(loop_, std::move(f));
  }
  template <class F>
  bool becomes(F condition) {
    return becomes_on(loop_, std::move(condition));
  }
  bool all_are_closed() {
    return becomes([this] { return front_server_->connections() == 0 && back_server_->connections() == 0; });
  }
  // As the front writes it, and what comes back.
  std::string answer_of_back(std::string_view caller_header) {
    const os::Fd socket = *os::connect_unix(back_path());
    const std::string text = fmt::format(
        "POST /v1/Workloads/Get HTTP/1.1\r\nHost: weft\r\n{}Connection: close\r\nContent-Length: 14\r\n\r\n{}",
        caller_header, R"({"name":"web"})");
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(::fcntl(socket.get(), F_SETFL, 0), 0);
    std::string answer;
    std::array<char, 4096> bytes;
    for (ssize_t count; (count = ::recv(socket.get(), bytes.data(), bytes.size(), 0)) > 0;) {
      answer.append(bytes.data(), static_cast<size_t>(count));
    }
    return answer;
  }
  // A workload that only the back knows of.
  void run_on_back() {
    Client direct = *Client::connect(back_path());
    const auto made = direct.call("Workloads/Run", {{"name", "web"}, {"command", {"cat"}}, {"env", {"KEY=secret"}}});
    ASSERT_TRUE(made.ok()) << made.error().what;
  }

  std::string folder_;
  boost::asio::io_context loop_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_{loop_.get_executor()};
  FakeBackend front_backend_, back_backend_;
  std::unique_ptr<Dispatch> front_dispatch_ = make_dispatch(front_backend_);
  std::unique_ptr<Dispatch> back_dispatch_ = make_dispatch(back_backend_);
  std::unique_ptr<Server> front_server_, back_server_;
  std::thread thread_;
};

TEST_F(ForwardTest, ReadsAreAnsweredThereAndWritesHere) {
  run_on_back();
  EXPECT_TRUE(front().call("Workloads/Get", {{"name", "web"}}).ok());
  EXPECT_EQ(front().call("Workloads/Stop", {{"name", "web"}}).error().code, Code::NotFound);
  EXPECT_TRUE(front().call("Vpcs/Create", {{"name", "shop"}, {"cidrs", {"10.0.0.0/16"}}}).ok());
  const auto missing = front().call("Vpcs/Get", {{"name", "shop"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_EQ(missing.error().field, "name");
  EXPECT_TRUE(all_are_closed());
}

TEST_F(ForwardTest, WithNobodyThereTheAnswerSaysSo) {
  on_loop([this] {
    back_server_.reset();
    return 0;
  });
  Client client = front();
  EXPECT_EQ(client.call("Vpcs/List", Json::object()).error().code, Code::Unavailable);
  EXPECT_TRUE(client.call("Vpcs/Create", {{"name", "shop"}, {"cidrs", {"10.0.0.0/16"}}}).ok());
}

TEST_F(ForwardTest, AStreamComesThroughAndEndsWithItsReader) {
  run_on_back();
  on_loop([this] {
    back_backend_.lines.items.push_back({.time = {}, .stream = "stdout", .text = "one"});
    return 0;
  });
  Client reader = front();
  EXPECT_TRUE(reader
                  .stream("Workloads/Logs", {{"name", "web"}, {"follow", true}},
                          [](const Json& line) {
                            EXPECT_EQ(line["text"], "one");
                            return Client::Next::Stop;
                          })
                  .ok());
  EXPECT_TRUE(all_are_closed());
  EXPECT_EQ(on_loop([this] { return back_backend_.lines.open; }), 0);
}

TEST_F(ForwardTest, AWaitEndsWithItsCaller) {
  run_on_back();
  EXPECT_EQ(front().call("Workloads/Wait", {{"name", "web"}}, 100ms).error().code, Code::TimedOut);
  EXPECT_TRUE(all_are_closed());
  EXPECT_EQ(on_loop([this] { return back_backend_.exits.open; }), 0);
}

TEST_F(ForwardTest, AnUpgradeCarriesBytesBothWays) {
  run_on_back();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  os::Fd shim(pair[0]);
  ASSERT_EQ(::send(shim.get(), "early", 5, 0), 5);
  on_loop([&] {
    back_backend_.shim = os::Fd(pair[1]);
    return 0;
  });
  auto upgraded = front().upgrade("Workloads/Exec", {{"name", "web"}, {"command", {"sh"}}});
  ASSERT_TRUE(upgraded.ok()) << upgraded.error().what;
  std::array<char, 16> bytes{};
  EXPECT_EQ(::recv(upgraded->get(), bytes.data(), bytes.size(), 0), 5);
  EXPECT_EQ(::send(upgraded->get(), "there", 5, 0), 5);
  EXPECT_EQ(::recv(shim.get(), bytes.data(), bytes.size(), 0), 5);
  upgraded->reset();
  EXPECT_EQ(::recv(shim.get(), bytes.data(), bytes.size(), 0), 0);
  EXPECT_TRUE(all_are_closed());
  const auto refused = front().upgrade("Workloads/Attach", {{"name", "web"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what, "it doesn't run");
}

TEST_F(ForwardTest, TheCallerIsWhomTheForwarderNames) {
  run_on_back();
  EXPECT_NE(answer_of_back("").find("KEY=secret"), std::string::npos);
  EXPECT_NE(answer_of_back("Weft-Caller: operator uid:1000\r\n").find("KEY=secret"), std::string::npos);
  EXPECT_NE(answer_of_back("Weft-Caller: viewer uid:1000\r\n").find("KEY=..."), std::string::npos);
  EXPECT_NE(answer_of_back("Weft-Caller: none uid:1000\r\n").find("uid:1000 has no role"), std::string::npos);
  for (const char* broken : {"Weft-Caller: \r\n", "Weft-Caller: admin\r\n", "Weft-Caller: king uid:1\r\n"}) {
    EXPECT_NE(answer_of_back(broken).find("400 Bad Request"), std::string::npos) << broken;
  }
}

// The front believes nobody: who connects is who calls.
TEST_F(ForwardTest, ACallerThatNamesAnotherIsNotHeard) {
  run_on_back();
  const os::Fd socket = *os::connect_unix(front_path());
  const std::string text =
      "POST /v1/Workloads/Get HTTP/1.1\r\nWeft-Caller: viewer uid:1\r\nContent-Length: 14\r\n\r\n{\"name\":\"web\"}";
  ASSERT_EQ(::send(socket.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  ASSERT_EQ(::fcntl(socket.get(), F_SETFL, 0), 0);
  std::array<char, 1 << 14> bytes{};
  const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
  ASSERT_GT(count, 0);
  EXPECT_NE(std::string_view(bytes.data(), static_cast<size_t>(count)).find("KEY=secret"), std::string_view::npos);
}

TEST(Forwarded, ARequestSaysAllThatItsAnswerDependsOn) {
  EXPECT_EQ(
      http_forwarded("Vpcs/List", {.role = Role::Viewer, .actor = "uid:7"}, Framing::JsonLines, Shape::Plain, "{}"),
      "POST /v1/Vpcs/List HTTP/1.1\r\nHost: weft\r\nWeft-Caller: viewer uid:7\r\nAccept: application/x-ndjson\r\n"
      "Connection: close\r\nContent-Length: 2\r\n\r\n{}");
  const auto caller = parse_caller("operator uid:7");
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->role, Role::Operator);
  EXPECT_EQ(caller->actor, "uid:7");
  EXPECT_FALSE(parse_caller("admin " + std::string(65, 'x')).ok());
}

}  // namespace
}  // namespace weft::api
