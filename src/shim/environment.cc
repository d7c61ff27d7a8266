#include "shim/environment.h"

#include <algorithm>
#include <string_view>

namespace weft::shim {

namespace {

constexpr std::string_view kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

}  // namespace

std::vector<std::string> environment_of(const workload::Command& command, const std::string& home) {
  std::vector<std::string> environment;
  const auto find = [&](std::string_view name) {
    return std::find_if(environment.begin(), environment.end(), [&](const auto& v) { return name_of(v) == name; });
  };
  for (const auto& variable : command.env) {
    const auto earlier = find(name_of(variable));
    if (earlier != environment.end()) {
      *earlier = variable;
    } else {
      environment.push_back(variable);
    }
  }
  if (find("PATH") == environment.end()) environment.emplace_back(kPath);
  if (find("HOME") == environment.end()) environment.push_back("HOME=" + home);
  if (command.terminal && find("TERM") == environment.end()) environment.emplace_back("TERM=xterm");
  return environment;
}

workload::Command within(const workload::Command& outer, workload::Command command) {
  command.env.insert(command.env.begin(), outer.env.begin(), outer.env.end());
  if (command.user.empty()) command.user = outer.user;
  if (command.workdir.empty()) command.workdir = outer.workdir;
  return command;
}

}  // namespace weft::shim
