#include <cstdlib>

#include "cli/program.h"

int main(int argc, char** argv) {
  const auto variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  return weft::cli::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), variable);
}
