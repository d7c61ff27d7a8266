// Ring<T>: the newest items of something that goes on happening, and streams
// that read it. A reader that is too slow loses the oldest and is told how many.
// One thread, the loop's; streams may outlive the ring's owner.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "api/stream.h"
#include "base/check.h"

namespace weft::diagnosis {

template <class T>
class Ring {
 public:
  // Holds `most` items, more than none.
  explicit Ring(size_t most) : most_(most) { CHECK(most > 0); }

  void push(T item) {
    if (items_.size() == most_) {
      items_.pop_front();
      ++first_;
    }
    items_.push_back(std::move(item));
  }
  // Tells those who wait that something was pushed. Each may go, or wait again.
  void wake() {
    const uint64_t newest = next_ticket_;
    while (!waiting_.empty() && waiting_.begin()->first < newest) {
      const auto ready = std::move(waiting_.extract(waiting_.begin()).mapped());
      ready();
    }
  }

  // Items are numbered in the order of their coming; begin() is the oldest here.
  uint64_t begin() const { return first_; }
  uint64_t end() const { return first_ + items_.size(); }
  const T& at(uint64_t number) const { return items_.at(number - first_); }

  using Ticket = uint64_t;
  Ticket wait(std::function<void()> ready) {
    waiting_.emplace(next_ticket_, std::move(ready));
    return next_ticket_++;
  }
  void stop_waiting(Ticket ticket) { waiting_.erase(ticket); }

 private:
  size_t most_;
  std::deque<T> items_;
  uint64_t first_ = 0;
  Ticket next_ticket_ = 1;
  std::map<Ticket, std::function<void()>> waiting_;
};

// What a stream hands out, and from where it starts.
template <class T, class Out>
struct Reading {
  uint64_t from = 0;
  bool follow = false;
  std::function<Out(const T&)> show;
  std::function<Out(uint64_t)> show_lost;  // so many items are gone unread
  std::vector<T> present = {};             // handed out after what had happened, before what comes
};

template <class T, class Out>
class RingStream : public api::Stream<Out> {
 public:
  RingStream(std::shared_ptr<Ring<T>> ring, Reading<T, Out> reading)
      : ring_(std::move(ring)), reading_(std::move(reading)), next_(reading_.from), until_(ring_->end()) {}
  ~RingStream() override { ring_->stop_waiting(ticket_); }

  Result<std::vector<Out>> take(size_t most) override {
    std::vector<Out> out;
    take_ring(most, until_, out);
    if (next_ >= until_) take_present(most, out);
    if (reading_.follow && is_present_taken()) take_ring(most, ring_->end(), out);
    return out;
  }
  bool ended() const override { return !reading_.follow && !has_more(); }
  void when_ready(std::function<void()> ready) override {
    ring_->stop_waiting(ticket_);
    if (has_more() || ended()) return ready();
    ticket_ = ring_->wait(std::move(ready));
  }

 private:
  bool is_present_taken() const { return present_taken_ == reading_.present.size(); }
  bool has_more() const { return next_ < until_ || !is_present_taken() || (reading_.follow && next_ < ring_->end()); }
  void take_ring(size_t most, uint64_t end, std::vector<Out>& out) {
    if (out.size() < most && next_ < std::min(end, ring_->begin())) {
      const uint64_t kept = std::min(end, ring_->begin());
      out.push_back(reading_.show_lost(kept - next_));
      next_ = kept;
    }
    while (out.size() < most && next_ < end) out.push_back(reading_.show(ring_->at(next_++)));
  }
  void take_present(size_t most, std::vector<Out>& out) {
    while (out.size() < most && !is_present_taken()) out.push_back(reading_.show(reading_.present[present_taken_++]));
  }

  std::shared_ptr<Ring<T>> ring_;
  Reading<T, Out> reading_;
  uint64_t next_;
  uint64_t until_;  // what had happened when it was opened
  size_t present_taken_ = 0;
  typename Ring<T>::Ticket ticket_ = 0;
};

}  // namespace weft::diagnosis
