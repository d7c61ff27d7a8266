#include "api/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/rng.h"

namespace weft::api {
namespace {

using base::Code;
using Json = Client::Json;

// A socket on which somebody listens, in a folder of its own. Nobody takes what comes.
class Listener {
 public:
  Listener() {
    EXPECT_NE(mkdtemp(folder_), nullptr);
    path_ = std::string(folder_) + "/sock";
    socket_ = os::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
  }
  ~Listener() {
    ::unlink(path_.c_str());
    ::rmdir(folder_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return socket_.get(); }

 private:
  char folder_[32] = "/tmp/weft-client-XXXXXX";
  std::string path_;
  os::Fd socket_;
};

// Answers one connection with the same bytes whatever it is asked, and closes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) {
    thread_ = std::thread([this, answer = std::move(answer)] {
      const os::Fd peer(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      std::array<char, 4096> request;
      if (::recv(peer.get(), request.data(), request.size(), 0) <= 0) return;
      std::string_view rest = answer;
      while (!rest.empty()) {
        const ssize_t count = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count <= 0) return;
        rest.remove_prefix(static_cast<size_t>(count));
      }
    });
  }
  ~OneAnswer() { thread_.join(); }
  Client client() {
    auto made = Client::connect(listener_.path());
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }

 private:
  Listener listener_;
  std::thread thread_;
};

std::string with_body(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

TEST(Client, TakesAnAnswerInOnePieceOrInChunks) {
  for (const std::string& answer :
       {with_body("{\"a\":1}"),
        std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n4\r\n{\"a\"\r\n3;x=y\r\n:1}\r\n0\r\n\r\n")}) {
    OneAnswer server(answer);
    const auto got = server.client().call("A/B", Json::object());
    ASSERT_TRUE(got.ok()) << got.error().what;
    EXPECT_EQ((*got)["a"], 1);
  }
}

TEST(Client, GivesTheErrorThatWasTold) {
  OneAnswer server(
      "HTTP/1.1 409 Conflict\r\nContent-Length: 93\r\n\r\n"
      "{\"error\":{\"code\":\"conflict\",\"message\":\"10.0.0.4 is taken\",\"field\":\"ip\",\"holder\":\"tni-1\"}}     "
      " \n");
  const auto got = server.client().call("A/B", Json::object());
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error(),
            (Error{.code = Code::Conflict, .what = "10.0.0.4 is taken", .field = "ip", .holder = "tni-1"}));
}

TEST(Client, BrokenAnswersAreErrors) {
  const std::string answers[] = {
      "",
      "HTTP/1.0 200 OK\r\n\r\n",
      "HTTP/1.1 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n{}",
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
      "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
      "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n{}",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'),
      "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}",
      with_body("{"),
      with_body("{\"error\":{}}"),
  };
  for (const std::string& answer : answers) {
    OneAnswer server(answer);
    EXPECT_FALSE(server.client().call("A/B", Json::object()).ok()) << answer.substr(0, 100);
  }
  std::string headers = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 1000; ++i) headers += "X: y\r\n";
  OneAnswer server(headers + "Content-Length: 2\r\n\r\n{}");
  EXPECT_FALSE(server.client().call("A/B", Json::object()).ok());
}

TEST(Client, DamagedAnswersNeverCrash) {
  base::Rng rng(9);
  const std::string good =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n4\r\n:1}\n\r\n0\r\n\r\n";
  for (int round = 0; round < 300; ++round) {
    std::string answer = good;
    for (int i = 0; i < 2; ++i) answer[rng.below(answer.size())] = static_cast<char>(rng.next());
    OneAnswer server(answer);
    Client client = server.client();
    if (rng.one_in(2)) {
      (void)client.call("A/B", Json::object()).ok();
    } else {
      (void)client.stream("A/B", Json::object(), [](const Json&) { return Client::Next::Item; }).ok();
    }
  }
}

TEST(Client, AStreamThatBreaksOffIsAnError) {
  OneAnswer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"a\":1}\n\r\n");
  int items = 0;
  const auto outcome = server.client().stream("A/B", Json::object(), [&](const Json&) {
    ++items;
    return Client::Next::Item;
  });
  EXPECT_EQ(items, 1);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, Code::Unavailable);
}

TEST(Client, AnErrorInsideAStreamIsTheStreams) {
  const std::string line = "{\"error\":{\"code\":\"limit\",\"message\":\"too slow\"}}\n";
  OneAnswer server(
      fmt::format("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n", line.size(), line));
  const auto outcome = server.client().stream("A/B", Json::object(), [](const Json&) { return Client::Next::Item; });
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, Code::Limit);
}

TEST(Client, GivesUpAtTheDeadline) {
  const Listener silent;
  auto client = Client::connect(silent.path());
  ASSERT_TRUE(client.ok());
  const auto got = client->call("A/B", Json::object(), std::chrono::milliseconds(50));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, Code::TimedOut);
  // An answer that comes too late isn't taken for the next one's.
  EXPECT_EQ(client->call("A/B", Json::object()).error().code, Code::Unavailable);
}

TEST(Client, GivesUpWhereNobodyTakesConnections) {
  const Listener silent;
  constexpr auto kLongest = std::chrono::milliseconds(50);
  std::vector<Client> waiting;
  auto client = Client::connect(silent.path(), kLongest);
  while (client.ok() && waiting.size() < 10) {
    waiting.push_back(*std::move(client));
    client = Client::connect(silent.path(), kLongest);
  }
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, Code::TimedOut);
  ASSERT_FALSE(waiting.empty());
  const auto each = [](const Json&) { return Client::Next::Item; };
  EXPECT_EQ(waiting[0].stream("A/B", Json::object(), each, kLongest).error().code, Code::TimedOut);
  EXPECT_EQ(std::move(waiting[0]).upgrade("A/B", Json::object(), kLongest).error().code, Code::TimedOut);
}

TEST(Client, SaysThatNobodyListens) {
  const auto made = Client::connect("/nonexistent/weft.sock");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, Code::Unavailable);
  EXPECT_EQ(Client::connect(std::string(200, 'x')).error().code, Code::Usage);
}

}  // namespace
}  // namespace weft::api
