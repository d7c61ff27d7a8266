// For tests of what lives on a loop that another thread runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <thread>

namespace weft::api {

constexpr auto kPatience = std::chrono::seconds(20);

// Runs it on the loop and waits for what it gives.
template <class F>
auto run_on(boost::asio::io_context& loop, F f) {
  std::promise<decltype(f())> promise;
  boost::asio::post(loop, [&] { promise.set_value(f()); });
  return promise.get_future().get();
}

// Whether the condition holds on the loop, soon.
template <class F>
bool becomes_on(boost::asio::io_context& loop, F condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (run_on(loop, condition)) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace weft::api
