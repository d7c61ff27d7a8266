// load SOCKET SECONDS: what weftd's door takes. Offers 10,000 reads and 1,000
// writes a second, and meanwhile behaves as badly as a client can: stalls, floods
// with connections, sends nonsense. Each answer must be a clean one, and those who
// behave must go on being served. Prints what was served.
#include <fmt/format.h>
#include <poll.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "base/text.h"
#include "http.h"
#include "os/clock.h"
#include "tool.h"

namespace weft::http {
namespace {

using base::Code;

constexpr int kReaders = 8, kWriters = 4;
constexpr double kReads = 10'000, kWrites = 1'000;  // offered, each second
constexpr int kMostConnections = 256;               // docs/limits.md
constexpr size_t kBodyLimit = 4 << 20, kReadLimit = 64 << 10;

struct Served {
  std::atomic<uint64_t> reads = 0, writes = 0, failures = 0;
  std::atomic<int64_t> slowest_ns = 0;
};

// Asks at its rate, or as fast as it is answered if that is less.
template <class Body>
void ask(const std::string& socket, std::string_view method, double rate, base::BootTime end, Body body,
         std::atomic<uint64_t>& served, Served& all) {
  auto weftd = Connection::open(socket);
  const auto gap = std::chrono::nanoseconds(static_cast<int64_t>(1e9 / rate));
  base::BootTime next = os::now_boot();
  for (uint64_t i = 0; os::now_boot() < end; ++i) {
    const base::BootTime begin = os::now_boot();
    const auto answer = weftd.ok() ? weftd->call(method, body(i)) : Result<Answer>(Answer{});
    if (!answer.ok() || answer->status != 200) return (void)++all.failures;
    ++served;
    const int64_t took = (os::now_boot() - begin).count();
    for (int64_t slowest = all.slowest_ns; took > slowest && !all.slowest_ns.compare_exchange_weak(slowest, took);) {
    }
    next = next + gap;
    const auto early = next - os::now_boot();
    if (early > gap) std::this_thread::sleep_for(early);
  }
}

Result<> load(const std::string& socket, std::chrono::seconds length) {
  Served all;
  const base::BootTime end = os::now_boot() + length;
  std::vector<std::thread> clients;
  for (int i = 0; i < kReaders; ++i) {
    clients.emplace_back([&] {
      ask(
          socket, "Tnis/Get", kReads / kReaders, end, [](uint64_t) { return R"({"name":"shop/one"})"; }, all.reads,
          all);
    });
  }
  for (int i = 0; i < kWriters; ++i) {
    clients.emplace_back([&, i] {
      const auto body = [i](uint64_t turn) {
        return fmt::format(R"({{"name":"shop/g{}","description":"{}"}})", i, turn);
      };
      ask(socket, "Groups/Set", kWrites / kWriters, end, body, all.writes, all);
    });
  }
  for (std::thread& client : clients) client.join();
  const auto seconds = static_cast<double>(length.count());
  fmt::print("{:.0f} reads/s and {:.0f} writes/s, the slowest took {} ms\n", static_cast<double>(all.reads) / seconds,
             static_cast<double>(all.writes) / seconds, all.slowest_ns / 1'000'000);
  if (all.failures != 0) return error(Code::Failed, "{} clients were not served to the end", all.failures.load());
  return {};
}

Result<> expect(std::string_view what, const Result<Answer>& answer, int status, std::string_view words) {
  if (!answer.ok()) return error(Code::Failed, "{}: {}", what, answer.error().what);
  if (answer->status == status && answer->body.find(words) != std::string::npos) return {};
  return error(Code::Failed, "{}: expected {} '{}', got {} '{}'", what, status, words, answer->status,
               base::printable(answer->body.substr(0, 300)));
}

// One request of its own connection.
Result<Answer> once(const std::string& socket, std::string_view bytes) {
  auto weftd = TRY(Connection::open(socket));
  // Who is refused early may be hung up on while it still sends.
  (void)weftd.send(bytes);
  return weftd.receive();
}

std::string with_length(std::string_view method, size_t length) {
  return fmt::format("POST /v1/{} HTTP/1.1\r\nHost: weft\r\nContent-Length: {}\r\n\r\n", method, length);
}

Result<> absurdities(const std::string& socket) {
  const std::string name = "Groups/Set";
  TRY_VOID(expect("a body over the limit", once(socket, with_length(name, kBodyLimit + 1)), 413, "\"limit\""));
  TRY_VOID(expect("a read over the limit", once(socket, with_length("Tnis/Get", kReadLimit + 1)), 413, "\"limit\""));
  TRY_VOID(expect("a length that is none", once(socket, "POST /v1/Tnis/Get HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
                  400, "\"usage\""));
  TRY_VOID(expect("a head without end", once(socket, "POST /v1/Tnis/Get HTTP/1.1\r\nX: " + std::string(20 << 10, 'x')),
                  431, "\"limit\""));
  TRY_VOID(expect("no HTTP", once(socket, std::string("\0\1\2\3 \r\n\r\n", 9)), 400, "\"usage\""));
  TRY_VOID(expect("another method", once(socket, "GET /v1/Tnis/Get HTTP/1.1\r\nHost: x\r\n\r\n"), 405, "\"usage\""));
  TRY_VOID(expect("no such method", once(socket, request("Tnis/Explode", "{}")), 404, "\"not_found\""));
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += R"({"name":)";
  TRY_VOID(expect("deep JSON", once(socket, request(name, deep)), 429, "nested"));
  TRY_VOID(expect("deep lists", once(socket, request(name, std::string(60'000, '['))), 429, "nested"));
  TRY_VOID(
      expect("an unknown field", once(socket, request(name, R"({"name":"shop/g0","color":"red"})")), 400, "color"));
  TRY_VOID(expect("a field twice", once(socket, request(name, R"({"name":"shop/g0","name":"shop/g1"})")), 400, "name"));
  TRY_VOID(expect("control characters", once(socket, request("Groups/Create", "{\"name\":\"a\\u001b[31m\\u0000b\"}")),
                  400, "\"usage\""));
  TRY_VOID(expect("raw control characters", once(socket, request("Groups/Create", std::string("{\"name\":\"a\x01\"}"))),
                  400, "\"usage\""));
  TRY_VOID(expect("no UTF-8", once(socket, request("Groups/Create", "{\"name\":\"\xff\xfe\"}")), 400, "\"usage\""));
  TRY_VOID(expect("a number that is too big",
                  once(socket, request("Tnis/Set", R"({"name":"shop/one","timeouts":{"other":99999999999999999999}})")),
                  400, "\"usage\""));
  return expect("no JSON at all", once(socket, request(name, "shop/g0")), 400, "\"usage\"");
}

// Who stalls in the middle is let go after its time; until then it costs its connection only.
Result<> stall(const std::string& socket) {
  auto stalled = TRY(Connection::open(socket));
  (void)stalled.send(with_length("Groups/Set", 100) + "{\"name\":");
  const base::BootTime begin = os::now_boot();
  TRY_VOID(
      expect("a call beside one that stalls", once(socket, request("Tnis/Get", R"({"name":"shop/one"})")), 200, "one"));
  const auto answer = TRY(stalled.receive(std::chrono::seconds(25)));
  if (answer.status != 0) return error(Code::Failed, "who stalls is answered {}", answer.status);
  const auto waited = os::now_boot() - begin;
  if (waited < std::chrono::seconds(9)) return error(Code::Failed, "who stalls is let go too early");
  return {};
}

// As many as there may be, and one more; those who are connected go on.
Result<> crowd(const std::string& socket) {
  std::vector<Connection> crowd;
  Answer refused;
  while (crowd.size() <= kMostConnections) {
    auto one = TRY(Connection::open(socket));
    const auto answer = TRY(one.call("Tnis/Get", R"({"name":"shop/one"})"));
    if (answer.status != 200) {
      refused = answer;
      break;
    }
    crowd.push_back(std::move(one));
  }
  if (crowd.size() != kMostConnections) return error(Code::Failed, "{} connections were served", crowd.size());
  TRY_VOID(expect("one connection more", refused, 503, "256 connections are open"));
  for (Connection& one : crowd) {
    TRY_VOID(expect("one of the crowd", one.call("Tnis/Get", R"({"name":"shop/one"})"), 200, "one"));
  }
  crowd.clear();
  return {};
}

Result<> run(char** words) {
  const std::string socket = words[0];
  const auto length = TRY(base::parse_number(words[1], 1, 3600));
  TRY_VOID(absurdities(socket));
  TRY_VOID(crowd(socket));
  // The crowd's places are free once weftd has seen that it went.
  for (int turn = 0; turn < 100; ++turn) {
    const auto answer = once(socket, request("Tnis/Get", R"({"name":"shop/one"})"));
    if (answer.ok() && answer->status == 200) break;
    ::poll(nullptr, 0, 20);
  }
  Result<> stalled;
  std::thread staller([&] { stalled = stall(socket); });
  auto loaded = load(socket, std::chrono::seconds(length));
  staller.join();
  TRY_VOID(std::move(stalled));
  return loaded;
}

}  // namespace
}  // namespace weft::http

int main(int argc, char** argv) { return weft::tool(argc, argv, "load SOCKET SECONDS", weft::http::run); }
