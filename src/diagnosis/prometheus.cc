#include "diagnosis/prometheus.h"

namespace weft::diagnosis {

namespace {

void append_label_value(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
}

}  // namespace

void Prometheus::family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Prometheus::sample(uint64_t value, const Labels& labels) {
  text_ += name_;
  char open = '{';
  for (const auto& [label, label_value] : labels) {
    text_ += open;
    text_.append(label).append("=\"");
    append_label_value(text_, label_value);
    text_ += '"';
    open = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  text_ += std::to_string(value);
  text_ += '\n';
}

}  // namespace weft::diagnosis
