// Network namespaces with names. A name is a mount at /run/netns/NAME, the
// same as `ip netns` uses, and keeps the namespace alive without a process.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// Makes a namespace and names it; Code::Conflict if the name is taken.
Result<Fd> create_netns(const std::string& name);
// Gives a namespace that lives its name back; Code::Conflict if another has it now.
Result<> name_netns(const Fd& netns, const std::string& name);
Result<Fd> open_netns(const std::string& name);
// Nothing if no namespace has that name (a bare file under it is none).
Result<std::optional<Fd>> find_netns(const std::string& name);
// Takes the name away; the kernel ends the namespace, later and on its own,
// once no process and no descriptor holds it. An unknown name counts as removed.
Result<> remove_netns(const std::string& name);
// One without a name, by the processes that are in it: each of their namespaces is
// asked about once. Nothing if no process is in such a one.
Result<std::optional<Fd>> search_netns(const std::function<Result<bool>(const Fd& netns)>& is_it);
// The names that begin with `prefix`, sorted.
Result<std::vector<std::string>> list_netns(std::string_view prefix);

// The namespace that the calling thread is in.
Result<Fd> current_netns();

// Held until destroyed or until the process ends: in one namespace by one at a time,
// whichever process it is in. It has no name, so nothing of it is left behind.
class NetnsLock {
 public:
  // Code::Conflict if somebody else has it for longer than `patience`.
  static Result<NetnsLock> acquire(const Fd& netns, std::chrono::milliseconds patience);
  NetnsLock(NetnsLock&&) = default;
  NetnsLock& operator=(NetnsLock&&) = delete;
  ~NetnsLock();

 private:
  explicit NetnsLock(Fd netns) : netns_(std::move(netns)) {}
  Fd netns_;
};

// The calling thread is inside `netns` while this lives, then back where it
// was. No way back would mean acting on the wrong machine: that stops the process.
class InsideNetns {
 public:
  static Result<InsideNetns> enter(const Fd& netns);
  InsideNetns(InsideNetns&&) = default;
  InsideNetns& operator=(InsideNetns&&) = delete;
  ~InsideNetns();

 private:
  explicit InsideNetns(Fd home) : home_(std::move(home)) {}
  Fd home_;
};

// Runs `function` inside `netns` and returns what it returns, a Result.
template <class Function>
auto inside_netns(const Fd& netns, Function&& function) -> decltype(function()) {
  const auto inside = TRY(InsideNetns::enter(netns));
  return function();
}

}  // namespace weft::os
