// docs/flow-log.md explains every reason of src/model/reason.inc, in its order.
#include <gtest/gtest.h>

#include <regex>

#include "model/verdict.h"
#include "test/include_table/module_table.h"

namespace weft::project {
namespace {

struct Row {
  std::string reason, verdict;
  bool operator==(const Row&) const = default;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.reason << " " << row.verdict; }

TEST(FlowLog, ExplainsEveryReason) {
  const std::vector<Row> reasons = {
#define X(name, text, verdict) {text, #verdict},
#include "model/reason.inc"
#undef X
  };
  static const std::regex line(R"(^\| `([a-z0-9-]+)` \| (allow|drop) \| \S.*\|$)", std::regex::multiline);
  const std::string page = read_text(source_folder() / "docs/flow-log.md");
  std::vector<Row> rows;
  for (std::sregex_iterator it(page.begin(), page.end(), line), end; it != end; ++it) {
    rows.push_back({(*it)[1], (*it)[2] == "allow" ? "Allow" : "Drop"});
  }
  EXPECT_EQ(rows, reasons);
}

}  // namespace
}  // namespace weft::project
