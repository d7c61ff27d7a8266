// The writer commits for an event loop that must not wait for the disk: a
// thread takes what the loop hands over, commits everything that waits as one
// transaction (one flush for many batches), and posts each outcome back.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "store/store.h"

namespace weft::store {

constexpr size_t kMaxQueuedJobs = 4096;           // as many requests as the API serves at once
constexpr size_t kMaxQueuedBytes = 64 << 20;      // memory; as much again may be with the disk
constexpr size_t kMaxTransactionBytes = 8 << 20;  // the first in the queue should not wait long for the last

class Writer {
 public:
  using Done = std::function<void(Result<>)>;
  // Runs its argument soon on the loop's thread, in the order of the calls. Called on the writer's thread; must work
  // until ~Writer has returned.
  using Post = std::function<void(std::function<void()>)>;

  // The store must outlive the writer; until then only the writer changes it.
  Writer(Store& store, Post post);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();  // finishes what is queued

  // Queues a batch that is committed whole or not at all. `done` is posted once, in the order of the calls. After a
  // batch has failed, every later one fails too with the same error, since its entries stand on the failed ones, until
  // resume(). A batch in the same transaction as a failed one fails with it. Limit if the queue is full; then `done` is
  // not called.
  Result<> append(std::vector<Entry> batch, Done done);

  // The owner has taken back what failed: the batches queued from now on are tried again.
  void resume();

  // Queued like batches, and fail for themselves: neither stops the batches behind it, nor is stopped by failed ones.
  Result<> snapshot(Snapshot snapshot, Done done);
  Result<> put(std::string name, std::string value, Done done);

 private:
  struct Batch {
    std::vector<Entry> entries;
    Done done;
  };
  struct Change {
    std::function<Result<>(Store&)> apply;
    Done done;
  };
  struct Resume {};
  using Job = std::variant<Batch, Change, Resume>;
  struct Queued {
    Job job;
    size_t bytes;
  };

  Result<> queue(Job job, size_t bytes);
  void run();
  std::deque<Queued> take_all();
  void work_off(std::deque<Queued>& jobs);
  void commit(std::vector<Batch> batches);
  void post(std::vector<Done> dones, Result<> outcome);

  Store& store_;
  const Post post_;
  Result<> state_;  // the writer's thread only: why batches fail, while they do

  std::mutex mutex_;  // for what follows
  std::condition_variable wake_;
  std::deque<Queued> queue_;
  size_t queued_bytes_ = 0;
  bool closing_ = false;

  std::thread thread_;
};

}  // namespace weft::store
