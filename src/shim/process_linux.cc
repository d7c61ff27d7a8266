#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "shim/environment.h"
#include "shim/process.h"
#include "shim/signals.h"
#include "shim/user.h"

namespace weft::shim {

using base::Code;
using base::errno_error;
using workload::Command;

namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

enum class Terminal { No, Yes };

Result<> take_stdio(const TheirStdio& stdio, Terminal terminal) {
  if (setsid() < 0) return errno_error("start a session", errno);
  const int streams[] = {stdio.in.get(), stdio.out.get(), stdio.err.get()};
  for (int number = 0; number < 3; ++number) {
    if (dup2(streams[number], number) < 0) return errno_error("set up the standard streams", errno);
  }
  if (terminal == Terminal::Yes && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0)
    return errno_error("take the terminal", errno);
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno_error("close descriptors", errno);
  return {};
}

Result<> become(const Identity& identity) {
  if (setgroups(identity.groups.size(), identity.groups.data()) != 0) return errno_error("set the groups", errno);
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) return errno_error("set the group", errno);
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0) return errno_error("set the user", errno);
  return {};
}

Result<> go_to(const std::string& workdir) {
  if (chdir(workdir.empty() ? "/" : workdir.c_str()) != 0) return errno_error("change to " + workdir, errno);
  return {};
}

Error not_executed(const std::string& program, int saved_errno) {
  const bool missing = saved_errno == ENOENT || saved_errno == ENOTDIR;
  Error error = errno_error("execute " + base::printable(program), saved_errno);
  error.code = missing ? Code::NotFound : Code::Denied;
  return error;
}

// What the child does between its birth and the command. No error of the way
// there may look like one of the command itself.
Result<> set_up(const Command& command, const Identity& identity, const Sandbox& sandbox, const Cgroup& cgroup,
                const TheirStdio& stdio) {
  if (!cgroup.join()) return errno_error("enter the control group", errno);
  TRY_VOID(sandbox.enter());
  TRY_VOID(take_stdio(stdio, command.terminal ? Terminal::Yes : Terminal::No));
  reset_signals();
  umask(022);
  TRY_VOID(become(identity));
  return go_to(command.workdir);
}

}  // namespace

Result<Process> launch(const Command& command, const Sandbox& sandbox, const Cgroup& cgroup) {
  const Identity identity = TRY(find_user(command.user));
  const auto environment = environment_of(command, identity.home);
  const auto variables = pointers_to(environment);
  const auto arguments = pointers_to(command.argv);
  auto stdio = TRY(open_stdio(command, identity.uid));
  auto report = TRY(Report::open());
  const Child child = TRY(sandbox.clone_inside(cgroup.birthplace()));
  if (child.pid == 0) {
    const auto ready = set_up(command, identity, sandbox, cgroup, stdio.theirs);
    if (!ready.ok()) report.fail(ready.error());
    environ = const_cast<char**>(variables.data());
    execvp(arguments[0], arguments.data());
    report.fail(not_executed(command.argv[0], errno));
  }
  const auto said = report.read();
  if (!said.ok()) return said.error();
  return Process{child.pid, std::move(stdio.ours)};
}

}  // namespace weft::shim
