// run, exec: a command that this process stands in for.
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/actions.h"
#include "cli/cell.h"
#include "cli/exit_status.h"
#include "cli/request.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/visible.h"

namespace weft::cli {

using base::Code;

namespace {

using Json = nlohmann::ordered_json;

constexpr int kRetryMillis = 200;  // between attempts to reach a weftd that restarts
constexpr int kUnremarkable = 10;  // so many: weftd may need a moment to see that a workload has ended

enum class Terminal { None, Given };

Terminal terminal_for(const Given& given) {
  const bool is_wanted = given.has("tty") || (!given.has("no-tty") && is_terminal(STDIN_FILENO));
  return is_wanted ? Terminal::Given : Terminal::None;
}

// Our own terminal passes each key on while the command has one at its end, and we
// are joined to it: else keys that interrupt are for us.
Result<Ended> with_terminal(Terminal terminal, const std::function<Result<Ended>()>& session) {
  std::optional<RawTerminal> raw;
  const bool has_keys = is_terminal(STDIN_FILENO) && is_in_foreground(STDIN_FILENO);
  if (terminal == Terminal::Given && has_keys) raw.emplace(STDIN_FILENO);
  return session();
}

// A program on a terminal has to know its kind.
void put_terminal(const Scene& scene, Json& request) {
  request["tty"] = true;
  Json& env = request["env"];
  if (env.is_null()) env = Json::array();
  for (const Json& setting : env) {
    if (setting.get_ref<const std::string&>().starts_with("TERM=")) return;
  }
  if (const auto term = scene.variables("TERM"); term && !term->empty() && is_utf8(*term))
    env.push_back("TERM=" + *term);
}

int status_of(const workload::Exit& exit) {
  return exit.signal != 0 && exit.code == 0 ? kSignalBase + exit.signal : exit.code;
}

// weft's own failure, which must not be taken for the command's status.
int own_failure(const Scene& scene, Error error) {
  scene.console.fail(std::move(error).within(scene.given.command->name));
  return kOwnFailure;
}

// How a workload ended that nobody was attached to at its end.
Result<Ended> ask_how_it_ended(const Scene& scene, const std::string& id) {
  const Json answer = TRY(scene.door.call("Workloads/Wait", {{"name", id}}));
  Ended ended{.how = Ended::How::Exit};
  const Json& code = value_at(answer, "exit_code");
  if (code.is_number_integer()) ended.exit.code = code.get<int>();
  const Json& reason = value_at(answer, "reason");
  if (reason.is_string()) ended.reason = reason.get<std::string>();
  if (value_at(answer, "oom") == true) ended.out_of_memory = workload::OutOfMemory::Yes;
  return ended;
}

// A moment, until weftd may be there again. A signal, if one says that nobody
// wants to wait; else 0.
int pause(Signals& signals) {
  pollfd ready{.fd = signals.fd(), .events = POLLIN, .revents = 0};
  poll(&ready, 1, kRetryMillis);
  const int signal = signals.take();
  return signal == SIGWINCH ? 0 : signal;
}

// A workload in the foreground, through as many connections as it takes.
class Foreground {
 public:
  Foreground(const Scene& scene, std::string id, Terminal terminal, Signals& signals, Output& output)
      : scene_(scene), id_(std::move(id)), terminal_(terminal), signals_(signals), output_(output) {}

  Result<Ended> run() {
    while (true) {
      const Ended ended = TRY(attach());
      if (ended.how != Ended::How::Broken) return ended;
      const Life life = TRY(look());
      if (life == Life::Over) {
        note_unseen();
        return ask_how_it_ended(scene_, id_);
      }
      note_absence(life);
      const int signal = pause(signals_);
      if (signal != 0 && life == Life::Unknown) return Ended{.how = Ended::How::Hangup, .signal = signal};
      if (signal != 0) signals_.keep(signal);
    }
  }

 private:
  // As far as one connection goes.
  Result<Ended> attach() {
    auto connection = scene_.door.upgrade("Workloads/Attach",
                                          {{"name", id_}, {"received", output_.received()}, {"life", input_.life}});
    if (!connection.ok()) return not_attached(connection.error());
    Session session(std::move(*connection), Joined::Workload, signals_, input_, output_,
                    [this](uint64_t lost) { note_return(lost); });
    const Ended ended = TRY(with_terminal(terminal_, [&] { return session.run(); }));
    return ended.how == Ended::How::Refused ? not_attached(ended.refusal) : ended;
  }

  // It may have ended, weftd may be away or just back, or not know yet that the
  // one before us has gone: look() tells. Others stand in the way for good.
  Result<Ended> not_attached(const Error& refusal) const {
    const Code code = refusal.code;
    const bool is_held = code == Code::Conflict && attempts_ >= kUnremarkable;
    if (is_held || code == Code::Denied || code == Code::Limit || code == Code::Usage) return refusal;
    return Ended{.how = Ended::How::Broken};
  }

  enum class Life { Running, Over, Unknown };

  Result<Life> look() const {
    const auto item = scene_.door.call("Workloads/Get", {{"name", id_}});
    if (!item.ok() && item.error().code == Code::NotFound) return Life::Over;
    const bool is_away = !item.ok() && (item.error().code == Code::Unavailable || item.error().code == Code::TimedOut);
    if (is_away) return Life::Unknown;
    if (!item.ok()) return item.error();
    const std::string state = text_of(value_at(*item, "status.state"));
    return state == "exited" || state == "failed" ? Life::Over : Life::Running;
  }

  void note_absence(Life life) {
    const bool is_news = life == Life::Unknown || ++attempts_ == kUnremarkable;
    if (!is_news || away_ == Away::Yes) return;
    scene_.console.note(fmt::format("the connection to weftd broke; {} runs on", id_));
    away_ = Away::Yes;
  }

  // Its parent waited for us, but not for so long.
  void note_unseen() const {
    if (away_ == Away::No) return;
    scene_.console.note(fmt::format("{} ended meanwhile; what it wrote last wasn't seen here", id_));
  }

  void note_return(uint64_t lost_output) {
    if (away_ == Away::Yes) scene_.console.note("attached to " + id_ + " again");
    if (lost_output > 0) {
      scene_.console.note(
          fmt::format("{} bytes of its output weren't kept until now: `weft logs {}` has them", lost_output, id_));
    }
    away_ = Away::No;
    attempts_ = 0;
  }

  const Scene& scene_;
  std::string id_;
  Terminal terminal_;
  Signals& signals_;
  Input input_;
  Output& output_;
  enum class Away { No, Yes } away_ = Away::No;
  int attempts_ = 0;  // since it was attached
};

// A connection that breaks while its workload ends isn't weftd's fault.
Error why_broken(const Scene& scene) {
  const auto item = scene.door.call("Workloads/Get", {{"name", scene.given.argument("WORKLOAD")}});
  const std::string state = item.ok() ? text_of(value_at(*item, "status.state")) : std::string();
  const bool is_gone = !item.ok() && item.error().code == Code::NotFound;
  if (is_gone || state == "exited" || state == "failed") return error(Code::Unavailable, "the workload has ended");
  if (state == "stopping") return error(Code::Unavailable, "the workload is stopping");
  return error(Code::Unavailable, "the connection to weftd broke");
}

// A command that isn't there, or can't be executed, has statuses of its own.
int refused(const Scene& scene, const Error& refusal) {
  own_failure(scene, refusal);
  if (refusal.code == Code::NotFound) return kNoSuchCommand;
  return refusal.code == Code::Denied ? kNotExecutable : kOwnFailure;
}

// As a program's that nobody reads, where that is why.
int unwritten(const Scene& scene, int fault) {
  if (fault == EPIPE) return kSignalBase + SIGPIPE;
  return own_failure(scene, base::errno_error("write what the command writes", fault));
}

int tell_end(const Scene& scene, const Result<Ended>& result, const Output& output, const std::string& hangup_note) {
  if (!result.ok()) return own_failure(scene, result.error());
  if (output.is_unheard()) return unwritten(scene, output.fault());
  switch (result->how) {
    case Ended::How::Exit:
      if (result->out_of_memory == workload::OutOfMemory::Yes) scene.console.note("it ran out of its memory limit");
      if (result->reason.empty()) return status_of(result->exit);
      own_failure(scene, error(Code::Failed, "{}", result->reason));
      return status_of(result->exit) == 0 ? kOwnFailure : status_of(result->exit);
    case Ended::How::Refused: return refused(scene, result->refusal);
    case Ended::How::Hangup: scene.console.note(hangup_note); return kSignalBase + result->signal;
    case Ended::How::Deaf: break;  // told above
    case Ended::How::Broken: return own_failure(scene, why_broken(scene));
  }
  return kOwnFailure;
}

Result<> check_command(const Given& given) {
  const bool is_external = given.has("external");
  const bool has_command = !given.argument("COMMAND").empty();
  if (is_external && has_command) return error(Code::Usage, "--external: there is no COMMAND").in_field("command");
  if (!is_external && !has_command) return error(Code::Usage, "COMMAND is missing").in_field("command");
  return {};
}

Result<int> run_detached(const Scene& scene, const Json& request) {
  const Json answer = TRY(scene.door.call(scene.given.command->method, request));
  scene.console.notes_of(answer);
  if (is_for_programs(scene.console.format())) {
    scene.console.print(structured(answer, scene.console.format()));
  } else if (scene.given.has("dry-run")) {
    scene.console.print(show_changes(value_at(answer, "changes"), scene.console.view().screen.colour));
  } else {
    const bool name = scene.console.format() == Format::Name;
    scene.console.print(visible(text_of(value_at(answer, name ? "name" : "id"))) + "\n");
  }
  return kDone;
}

int run_attached(const Scene& scene, Json request) {
  request["attach"] = true;
  const Terminal terminal = terminal_for(scene.given);
  if (terminal == Terminal::Given) put_terminal(scene, request);
  Signals signals;
  Output output;
  const auto answer = scene.door.call(scene.given.command->method, request);
  if (!answer.ok()) return own_failure(scene, answer.error());
  scene.console.notes_of(*answer);
  const std::string id = text_of(value_at(*answer, "id"));
  const auto ended = Foreground(scene, id, terminal, signals, output).run();
  return tell_end(scene, ended, output, id + " runs on");
}

}  // namespace

Result<int> run(const Scene& scene) {
  TRY_VOID(check_command(scene.given));
  const Json request = requests_of(scene.given).front();
  const bool detached = scene.given.has("detach") || scene.given.has("external") || scene.given.has("dry-run");
  if (detached) return run_detached(scene, request);
  return run_attached(scene, request);
}

Result<int> exec(const Scene& scene) {
  Json request = requests_of(scene.given).front();
  const Terminal terminal = terminal_for(scene.given);
  if (terminal == Terminal::Given) put_terminal(scene, request);
  if (const auto size = window_size(STDIN_FILENO); size && terminal == Terminal::Given) {
    request["rows"] = size->rows;
    request["columns"] = size->columns;
  }
  Signals signals;
  auto connection = scene.door.upgrade(scene.given.command->method, request);
  if (!connection.ok()) return own_failure(scene, connection.error());
  Input input;
  Output output;
  const auto ended = with_terminal(
      terminal, [&] { return Session(std::move(*connection), Joined::Exec, signals, input, output).run(); });
  return tell_end(scene, ended, output, "the command may run on");
}

}  // namespace weft::cli
