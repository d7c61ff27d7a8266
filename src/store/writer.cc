#include "store/writer.h"

#include <pthread.h>

#include <iterator>
#include <utility>

namespace weft::store {
namespace {

using base::Code;
using base::error;

size_t size_of(const std::vector<Entry>& entries) {
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.bytes.size() + sizeof(Entry);
  return bytes;
}

}  // namespace

Writer::Writer(Store& store, Post post) : store_(store), post_(std::move(post)), thread_([this] { run(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<> Writer::append(std::vector<Entry> batch, Done done) {
  const size_t bytes = size_of(batch);
  return queue(Batch{std::move(batch), std::move(done)}, bytes);
}

void Writer::resume() {
  const std::lock_guard lock(mutex_);
  const bool there = !queue_.empty() && std::holds_alternative<Resume>(queue_.back().job);
  if (!there) queue_.push_back({Resume{}, 0});  // a place in the order, no work: no limit, and nobody need wake for it
}

Result<> Writer::snapshot(Snapshot snapshot, Done done) {
  const size_t bytes = snapshot.bytes.size();
  auto apply = [snapshot = std::move(snapshot)](Store& store) { return store.snapshot(snapshot); };
  return queue(Change{std::move(apply), std::move(done)}, bytes);
}

Result<> Writer::put(std::string name, std::string value, Done done) {
  const size_t bytes = name.size() + value.size();
  auto apply = [name = std::move(name), value = std::move(value)](Store& store) { return store.put(name, value); };
  return queue(Change{std::move(apply), std::move(done)}, bytes);
}

Result<> Writer::queue(Job job, size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    const bool full = queue_.size() >= kMaxQueuedJobs || queued_bytes_ + bytes > kMaxQueuedBytes;
    // An empty queue takes anything, so that a snapshot above the limit of bytes has its turn.
    if (full && !queue_.empty()) {
      return error(Code::Limit, "{} changes ({} bytes) wait for the disk; try again later", queue_.size(),
                   queued_bytes_);
    }
    queue_.push_back({std::move(job), bytes});
    queued_bytes_ += bytes;
  }
  wake_.notify_one();
  return {};
}

void Writer::run() {
  pthread_setname_np(pthread_self(), "weft-store");
  while (true) {
    std::deque<Queued> jobs = take_all();
    if (jobs.empty()) return;
    work_off(jobs);
  }
}

// Waits for something to do; nothing when closing.
std::deque<Writer::Queued> Writer::take_all() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
  queued_bytes_ = 0;
  return std::exchange(queue_, {});
}

void Writer::work_off(std::deque<Queued>& jobs) {
  std::vector<Batch> batches;
  size_t bytes = 0;
  const auto commit_waiting = [&] {
    if (!batches.empty()) commit(std::exchange(batches, {}));
    bytes = 0;
  };
  for (Queued& queued : jobs) {
    if (auto* batch = std::get_if<Batch>(&queued.job)) {
      if (bytes + queued.bytes > kMaxTransactionBytes) commit_waiting();
      bytes += queued.bytes;
      batches.push_back(std::move(*batch));
      continue;
    }
    commit_waiting();
    if (auto* change = std::get_if<Change>(&queued.job)) {
      post({std::move(change->done)}, change->apply(store_));
    } else {
      state_ = {};
    }
  }
  commit_waiting();
}

void Writer::commit(std::vector<Batch> batches) {
  std::vector<Entry> entries;
  std::vector<Done> dones;
  for (Batch& batch : batches) {
    std::move(batch.entries.begin(), batch.entries.end(), std::back_inserter(entries));
    dones.push_back(std::move(batch.done));
  }
  if (state_.ok()) state_ = store_.append(entries);
  post(std::move(dones), state_);
}

void Writer::post(std::vector<Done> dones, Result<> outcome) {
  post_([dones = std::move(dones), outcome = std::move(outcome)] {
    for (const Done& done : dones) done(outcome);
  });
}

}  // namespace weft::store
