// ARCHITECTURE.md prints the table of src/modules.txt.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "test/include_table/module_table.h"

namespace weft::project {
namespace {

std::string rows_of(const ModuleTable& table) {
  std::string rows = "| room | what it is | may include |\n|---|---|---|\n";
  for (const Module& module : table.modules) {
    rows += fmt::format("| `{}` | {} | {} |\n", module.name, module.what, fmt::join(module.uses, " "));
  }
  return rows;
}

TEST(Architecture, PrintsTheRooms) {
  const auto table = ModuleTable::parse(read_text(source_folder() / "src/modules.txt"));
  ASSERT_TRUE(table.ok());
  const std::string rows = rows_of(*table);
  EXPECT_NE(read_text(source_folder() / "ARCHITECTURE.md").find("\n\n" + rows + "\n"), std::string::npos)
      << "put this into ARCHITECTURE.md:\n"
      << rows;
}

}  // namespace
}  // namespace weft::project
