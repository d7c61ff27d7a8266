// How fast the store commits on the disk that holds TMPDIR (else /tmp).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "base/check.h"
#include "store/store.h"
#include "store/writer.h"

namespace weft::store {
namespace {

constexpr size_t kEntryBytes = 300;  // a usual command

class Bench {
 public:
  Bench() {
    std::string name = (std::filesystem::temp_directory_path() / "weft-bench-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    store_ = *create_sqlite(options());
  }
  ~Bench() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  Options options() const { return {.path = (folder_ / "store.db").string(), .cluster = "bench"}; }
  Store& store() { return *store_; }
  void reopen() {
    store_.reset();
    store_ = *open_sqlite(options());
  }
  void append(size_t count) {
    std::vector<Entry> entries;
    for (size_t i = 1; i <= count; ++i) entries.push_back({store_->head() + i, std::string(kEntryBytes, 'e')});
    CHECK(store_->append(entries).ok());
  }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
};

// One transaction of so many entries; the percentiles are of its latency in microseconds.
void commit(benchmark::State& state) {
  Bench bench;
  std::vector<double> micros;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    bench.append(static_cast<size_t>(state.range(0)));
    micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(micros.begin(), micros.end());
  state.counters["p50"] = micros[micros.size() / 2];
  state.counters["p99"] = micros[micros.size() * 99 / 100];
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(commit)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// A loop that has always so many batches of one entry under way.
void writer(benchmark::State& state) {
  Bench bench;
  std::mutex mutex;
  std::condition_variable wake;
  int64_t done = 0;
  Writer writer(bench.store(), [](const std::function<void()>& function) { function(); });
  int64_t queued = 0;
  for (auto _ : state) {
    ++queued;
    CHECK(writer
              .append({{static_cast<Revision>(queued), std::string(kEntryBytes, 'e')}},
                      [&](const Result<>& outcome) {
                        CHECK(outcome.ok());
                        const std::lock_guard lock(mutex);
                        ++done;
                        wake.notify_one();
                      })
              .ok());
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return queued - done < state.range(0); });
  }
  std::unique_lock lock(mutex);
  wake.wait(lock, [&] { return queued == done; });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(writer)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

void snapshot(benchmark::State& state) {
  Bench bench;
  bench.append(1);
  const Snapshot whole{1, std::string(static_cast<size_t>(state.range(0)) << 20, 's')};
  for (auto _ : state) CHECK(bench.store().snapshot(whole).ok());
}
BENCHMARK(snapshot)->Arg(1)->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);

// With all its checks.
void open(benchmark::State& state) {
  Bench bench;
  for (int64_t i = 0; i < state.range(0); i += 1000) bench.append(1000);
  CHECK(bench.store().snapshot({1, std::string(16 << 20, 's')}).ok());
  for (auto _ : state) bench.reopen();
}
BENCHMARK(open)->Arg(10'000)->Arg(100'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weft::store

BENCHMARK_MAIN();
