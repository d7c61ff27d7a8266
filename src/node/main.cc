// weftd: the daemon of one instance on one machine.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <filesystem>
#include <map>

#include "node/daemon.h"
#include "os/supervisor.h"

namespace {

constexpr int kUsage = 2;  // as of weft

std::string beside_us(const char* program) {
  std::error_code fault;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", fault);
  return (own.parent_path() / program).string();
}

int fail(const weft::Error& error) {
  spdlog::error("{}", error.what);
  return 1;
}

// Nobody stops because of it: systemd will notice by itself that it wasn't told.
void tell(std::string_view state) {
  if (const auto told = weft::os::tell_supervisor(state); !told.ok()) spdlog::warn("{}", told.error().what);
}

int serve(const weft::node::Options& options) {
  boost::asio::io_context loop(1);
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  bool asked_to_stop = false;
  signals.async_wait([&](const auto& fault, int) {
    if (fault) return;
    asked_to_stop = true;
    loop.stop();
  });
  const auto daemon = weft::node::Daemon::open(loop, options);
  if (!daemon.ok()) return asked_to_stop ? 0 : fail(daemon.error());
  spdlog::info("ready: {}", options.role == weft::node::Role::Data ? options.data_socket() : options.socket);
  tell("READY=1");
  loop.run();
  tell("STOPPING=1");
  if (const auto outcome = (*daemon)->outcome(); !outcome.ok()) return fail(outcome.error());
  spdlog::info("ends; workloads and traffic go on");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  weft::node::Options options;
  CLI::App app("weftd: one private cloud network of this machine's workloads");
  const std::map<std::string, weft::node::Role> roles = {
      {"all", weft::node::Role::All}, {"control", weft::node::Role::Control}, {"data", weft::node::Role::Data}};
  app.add_option("--role", options.role, "what is agreed (control), what goes on here (data), or all in one process")
      ->transform(CLI::CheckedTransformer(roles).description("all|control|data"));
  app.add_option("--instance", options.instance, "a name, so that several can share the machine")
      ->envname("WEFT_INSTANCE");
  app.add_option("--state-directory", options.state_directory, "what survives a power cycle (/var/lib/weft)");
  app.add_option("--run-directory", options.run_directory, "what doesn't (/run/weft)");
  app.add_option("--socket", options.socket, "where the command line finds us")->envname("WEFT_SOCKET");
  app.add_option("--shim", options.shim, "path of weft-shim")->default_val(beside_us("weft-shim"));
  bool remove = false;
  app.add_flag("--remove", remove, "end everything of the instance's role but the agreed state, then exit");
  app.set_version_flag("--version", "weftd 0.1.0");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    return app.exit(end) == 0 ? 0 : kUsage;  // --help ends so, too
  }

  spdlog::set_default_logger(spdlog::stderr_logger_mt("weftd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  std::signal(SIGPIPE, SIG_IGN);
  options = weft::node::with_defaults(options);
  if (!remove) return serve(options);
  const auto removed = weft::node::remove_instance(options);
  return removed.ok() ? 0 : fail(removed.error());
}
