// Writer of the Prometheus text format, version 0.0.4: for each family a line of
// help, one of type, then its samples.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::diagnosis {

class Prometheus {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  // What follows are its samples. A counter's name ends in _total.
  void counter(std::string_view name, std::string_view help) { family(name, help, "counter"); }
  void gauge(std::string_view name, std::string_view help) { family(name, help, "gauge"); }
  void sample(uint64_t value, const Labels& labels = {});

  std::string text() && { return std::move(text_); }

 private:
  void family(std::string_view name, std::string_view help, std::string_view type);

  std::string name_;
  std::string text_;
};

}  // namespace weft::diagnosis
