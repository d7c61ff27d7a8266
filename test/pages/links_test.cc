// Links between the pages lead somewhere.
#include <gtest/gtest.h>

#include <regex>

#include "test/include_table/module_table.h"

namespace weft::project {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> pages() {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(source_folder())) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  for (const auto& entry : fs::recursive_directory_iterator(source_folder() / "docs")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  return all;
}

TEST(Pages, LinksLeadSomewhere) {
  static const std::regex link(R"(\]\(([^)#:\s]+)(#[^)]*)?\))");
  size_t seen = 0;
  for (const fs::path& page : pages()) {
    const std::string text = read_text(page);
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it, ++seen) {
      EXPECT_TRUE(fs::exists(page.parent_path() / (*it)[1].str())) << page << " links to " << (*it)[1];
    }
  }
  EXPECT_GT(seen, 10u);
}

}  // namespace
}  // namespace weft::project
