#include "node/options.h"

namespace weft::node {

std::string Options::service() const {
  const std::string name = role == Role::All ? "weftd" : "weftd-data";
  return instance.empty() ? name + ".service" : name + "@" + instance + ".service";
}

Options with_defaults(Options options) {
  const std::string base = options.names().base();
  const auto fill = [](std::string& field, const std::string& usual) {
    if (field.empty()) field = usual;
  };
  fill(options.state_directory, "/var/lib/" + base);
  fill(options.run_directory, "/run/" + base);
  fill(options.socket, options.run_directory + "/weft.sock");
  return options;
}

}  // namespace weft::node
