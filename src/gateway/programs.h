// The programs at the machine's border and their maps. The maps are pinned:
// opening again finds them as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "gateway/desired.h"
#include "os/fd.h"

struct uplink_bpf;
struct connect_bpf;

namespace weft::gateway {

class Programs {
 public:
  // For the machine whose namespace the calling thread is in.
  static Result<std::unique_ptr<Programs>> open(const std::string& pins);
  ~Programs();

  const os::Fd& from_uplink() const { return from_uplink_; }
  const os::Fd& from_border() const { return from_border_; }
  // Whether a program in the kernel (by id) is the same code as ours.
  bool is_from_uplink(uint32_t id) const;
  bool is_from_border(uint32_t id) const;

  Result<Border> read_border() const;
  // A gateway without an index is left out.
  Result<> fill(const Border& border) const;
  Result<> clear(const Border& border) const;

  // Calls of the programs below a cgroup, by pinned links.
  enum class Calls { Untouched, Translated };
  Calls calls() const;
  Result<> translate_calls(const os::Fd& cgroup) const;

  // Puts back the names of maps that somebody took away. Answers which.
  Result<std::vector<std::string>> restore_pins() const;

  // What another instance publishes by its program, given by the kernel's id.
  static Result<std::vector<MachineFacts::Bound>> read_doors(uint32_t program);

  // Packets from gateways that were dropped, by enum border_reason.
  Result<std::vector<uint64_t>> drops() const;

  // Takes the pins away; links end with them.
  static Result<> remove_pins(const std::string& pins);

 private:
  Programs() = default;
  Result<> load(const std::string& pins);

  std::string pins_;
  uplink_bpf* uplink_ = nullptr;
  connect_bpf* connect_ = nullptr;
  os::Fd from_uplink_, from_border_;
  std::array<uint8_t, 8> uplink_tag_{}, border_tag_{};
};

}  // namespace weft::gateway
