// A table of texts in columns, for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weft::cli {

enum class Colour { Off, On };

// What the answer is shown on. Width 0: as wide as it needs to be.
struct Screen {
  size_t width = 0;
  Colour colour = Colour::Off;
};

struct Table {
  std::vector<std::string> titles;  // none: no line of titles
  std::vector<std::vector<std::string>> rows;
};

// Cells are made visible() first. Where the screen is too narrow, the widest
// columns are cut.
std::string to_text(const Table& table, const Screen& screen);

// The text with the colour of what it says: "running" is green, "failed" red.
std::string paint(const std::string& text, Colour colour);
std::string bold(const std::string& text, Colour colour);

}  // namespace weft::cli
