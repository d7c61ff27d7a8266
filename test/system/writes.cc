// writes SOCKET PREFIX FILE: makes prefix lists named PREFIX-1, PREFIX-2 and so
// on, several at a time, until the connection ends. The names that were
// acknowledged are in FILE, a line each, before the next one is asked for.
#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "http.h"

namespace weft::http {
namespace {

constexpr int kAtOnce = 4;

void write_lists(const char* socket, const char* prefix, FILE* file, std::mutex& lock, std::atomic<int>& next) {
  auto weftd = Connection::open(socket);
  while (weftd.ok()) {
    const std::string name = fmt::format("{}-{}", prefix, ++next);
    const auto answer =
        weftd->call("PrefixLists/Create", fmt::format(R"({{"name":"{}","prefixes":["192.0.2.0/24"]}})", name));
    if (!answer.ok() || answer->status != 200) return;
    const std::lock_guard guard(lock);
    fmt::print(file, "{}\n", name);
    std::fflush(file);
  }
}

}  // namespace
}  // namespace weft::http

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: writes SOCKET PREFIX FILE\n", stderr);
    return 2;
  }
  FILE* file = std::fopen(argv[3], "a");
  if (file == nullptr) return std::perror(argv[3]), 1;
  std::mutex lock;
  std::atomic<int> next = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < weft::http::kAtOnce; ++i) {
    writers.emplace_back([&] { weft::http::write_lists(argv[1], argv[2], file, lock, next); });
  }
  for (std::thread& writer : writers) writer.join();
  return std::fclose(file) == 0 ? 0 : 1;
}
