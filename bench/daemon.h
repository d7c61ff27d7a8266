// A weftd of the benchmark's own: an instance of its own name, with its state on
// the disk and the rest in the benchmark's namespaces.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/process.h"

namespace weft::bench {

class Weftd {
 public:
  // Answers once it answers.
  static Result<Weftd> start();
  Weftd(Weftd&&) = default;
  Weftd& operator=(Weftd&&) = delete;
  // Ends it and takes away all that it made.
  ~Weftd();

  // Runs the command line against it.
  Result<> weft(std::vector<std::string> arguments) const;
  Result<long> resident_kib() const;
  // A folder on the same disk as its state.
  const std::string& folder() const { return folder_; }

 private:
  Weftd(std::string programs, std::string folder) : programs_(std::move(programs)), folder_(std::move(folder)) {}
  std::vector<std::string> daemon(std::vector<std::string> more) const;

  std::string programs_, folder_;
  pid_t pid_ = 0;
};

// VmRSS of the process with that folder in /proc: a pid, or "self".
Result<long> resident_kib_of(const std::string& process);

}  // namespace weft::bench
