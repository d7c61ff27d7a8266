// What of a command this machine couldn't carry out: who asked for it is told with
// the answer, since it holds all the same, and is tried again.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "api/backend.h"

namespace weft::api {

class CommandProblems {
 public:
  // Before the command is committed.
  CommandProblems(const Backend& backend, const model::Command& command);
  // When it is. Problems of what the command touched, and those of no object that
  // came with it.
  std::vector<std::string> notes() const;

 private:
  const Backend& backend_;
  std::set<std::string> touched_;  // ids
  std::set<std::string> before_;   // problems of no object
};

}  // namespace weft::api
