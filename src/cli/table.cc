#include "cli/table.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

#include "cli/visible.h"

namespace weft::cli {

namespace {

constexpr size_t kGap = 2;
constexpr size_t kNarrowest = 8;  // a column isn't cut below this

constexpr std::string_view kGreen = "\x1b[32m", kRed = "\x1b[31m", kYellow = "\x1b[33m", kBold = "\x1b[1m",
                           kPlain = "\x1b[0m";

struct Meaning {
  std::string_view word;
  std::string_view colour;
};
constexpr std::array<Meaning, 12> kMeanings = {{{"running", kGreen},
                                                {"ALLOW", kGreen},
                                                {"allow", kGreen},
                                                {"good", kGreen},
                                                {"ok", kGreen},
                                                {"failed", kRed},
                                                {"DENY", kRed},
                                                {"drop", kRed},
                                                {"bad", kRed},
                                                {"backoff", kYellow},
                                                {"stopping", kYellow},
                                                {"warning", kYellow}}};

std::vector<size_t> widths_of(const Table& table) {
  std::vector<size_t> widths;
  const auto take = [&](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  };
  take(table.titles);
  for (const auto& row : table.rows) take(row);
  return widths;
}

// Takes from the widest column until all fit, or none can give any more.
void fit(std::vector<size_t>& widths, size_t screen) {
  if (screen == 0 || widths.empty()) return;
  size_t total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  while (total > screen) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kNarrowest) return;
    --*widest;
    --total;
  }
}

enum class Line { Title, Row };

std::string line_of(const std::vector<std::string>& row, const std::vector<size_t>& widths, Colour colour, Line line) {
  std::string out;
  for (size_t i = 0; i < row.size(); ++i) {
    const std::string text = cut(row[i], widths[i]);
    out += line == Line::Title ? bold(text, colour) : paint(text, colour);
    if (i + 1 < row.size()) out.append(widths[i] - width_of(text) + kGap, ' ');
  }
  return out + "\n";
}

Table made_visible(Table table) {
  for (auto& row : table.rows) {
    for (auto& cell : row) cell = visible(cell);
  }
  return table;
}

}  // namespace

std::string paint(const std::string& text, Colour colour) {
  if (colour == Colour::Off) return text;
  const std::string_view word = std::string_view(text).substr(0, text.find(' '));
  for (const Meaning& meaning : kMeanings) {
    if (word == meaning.word) return std::string(meaning.colour) + text + std::string(kPlain);
  }
  return text;
}

std::string bold(const std::string& text, Colour colour) {
  return colour == Colour::Off ? text : std::string(kBold) + text + std::string(kPlain);
}

std::string to_text(const Table& unsafe, const Screen& screen) {
  const Table table = made_visible(unsafe);
  std::vector<size_t> widths = widths_of(table);
  fit(widths, screen.width);
  std::string out;
  if (!table.titles.empty()) out += line_of(table.titles, widths, screen.colour, Line::Title);
  for (const auto& row : table.rows) out += line_of(row, widths, screen.colour, Line::Row);
  return out;
}

}  // namespace weft::cli
