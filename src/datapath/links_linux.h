// Makes and removes the links of TNIs. Nothing here waits for the kernel's grace
// periods: what would, is left to the remover, a thread of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "datapath/interface.h"
#include "os/fd.h"
#include "os/netlink.h"
#include "os/netlink_route.h"

namespace weft::datapath {

constexpr uint32_t kTniBlock = 1;  // of tc: its filter judges what the TNIs send

// The data path finds the sender's slot in the index of the machine's side. With each
// turn another index: one that is still being removed isn't in the way.
constexpr int kFirstTurn = 4, kTurns = 100'000;  // above what the kernel chooses by itself for long
constexpr int index_of_slot(uint32_t slot, int turn) { return turn * abi::MOST_TNIS + static_cast<int>(slot); }
constexpr uint32_t slot_of_index(int index) { return static_cast<uint32_t>(index) % abi::MOST_TNIS; }

// A machine's side that was found in the instance's namespace.
struct FoundLink {
  int index = 0;
  std::string name;
  std::string tni;          // the id's text
  std::string fingerprint;  // of the interface that it was made for
};

class Links {
 public:
  // Makes the instance's namespace if it is missing.
  static Result<std::unique_ptr<Links>> open(const Names& names);
  ~Links();

  // The machine's sides that are there.
  Result<std::vector<FoundLink>> read();
  // Puts the program in front of what comes from all TNIs, in place of an earlier
  // one. Before the first of them is made.
  Result<> judge_tnis_by(const os::Fd& program);
  // Lets the link share it, in place of whatever stands at its hooks.
  Result<> share_judge(int index);
  Result<> judge_gateway_by(int index, const os::Fd& program);
  // Makes the pair, configures the workload's end and brings both up. Answers the
  // index of the machine's side, which says the slot.
  Result<int> create(const Interface& interface, uint32_t slot);
  // The devices go a little later; what is behind them must be cut off before.
  void remove(int index);
  size_t count_doomed() const;
  // And tidies up at its other end.
  Result<> remove(int index, const Interface& interface);

  // The namespace of a workload, made if it is missing.
  Result<> make_netns(const std::string& name);
  // The name stays, although it was to go; or is gone when this returns.
  void keep_netns(const std::string& name);
  // Takes the name away, a little later; devices and namespace end by themselves.
  void drop_netns(const std::string& name);

  os::Netlink& own() { return own_; }
  const os::Fd& own_netns() const { return own_netns_; }

 private:
  explicit Links(os::Netlink own);
  enum class End { Machine, Workload };
  Result<> free_name(os::Netlink& netlink, const std::string& name, End end);
  Result<> configure(const Interface& interface, os::Netlink& netlink, int index);

  Names names_;
  os::Fd own_netns_;
  os::Netlink own_;
  int next_turn_ = kFirstTurn;
  class Remover;
  std::unique_ptr<Remover> remover_;
};

}  // namespace weft::datapath
