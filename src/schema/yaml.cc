#include "schema/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "base/text.h"

namespace weft::schema {

using base::Code;
using base::printable;

namespace {

// Builds a tree from the parser's events, so that nothing is ever larger than the
// bounds allow. After a fault the remaining events are ignored.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(size_t& values) : values_(values) {}

  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, "", anchor, Json()); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "an alias is not allowed"); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool plain = tag == "?";
    const bool null = plain && (value == "null" || value == "~");
    add(mark, tag, anchor, null ? Json() : Json(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::array());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::object());
  }
  void OnMapEnd() override { close(); }

  std::optional<Error> fault() const { return fault_; }
  Json take() { return std::move(root_); }
  size_t line() const { return static_cast<size_t>(mark_.line) + 1; }

 private:
  struct Open {
    Json* node;
    std::optional<std::string> key;  // of a map: read, its value comes next
  };

  void refuse(const YAML::Mark& mark, std::string_view what, Code code = Code::Usage) {
    if (!fault_) fault_ = error(code, "line {}: {}", mark.line + 1, what);
  }

  Json* add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json value) {
    if (fault_) return nullptr;
    if (anchor != 0) refuse(mark, "an anchor is not allowed");
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(mark, fmt::format("the tag {} is not allowed", printable(tag)));
    if (++values_ > kMostJsonValues) refuse(mark, fmt::format("more than {} values", kMostJsonValues), Code::Limit);
    if (fault_) return nullptr;
    if (open_.empty()) return &(root_ = std::move(value));
    Open& around = open_.back();
    if (around.node->is_array()) return &around.node->emplace_back(std::move(value));
    if (!around.key) {
      take_key(mark, value);
      return nullptr;
    }
    return &((*around.node)[*std::exchange(around.key, std::nullopt)] = std::move(value));
  }

  void take_key(const YAML::Mark& mark, const Json& value) {
    if (!value.is_string()) return refuse(mark, "a field's name is not text");
    const auto& name = value.get_ref<const std::string&>();
    if (open_.back().node->contains(name)) {
      return refuse(mark, fmt::format("the field {} stands there twice", printable(name)));
    }
    open_.back().key = name;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json value) {
    if (open_.size() >= static_cast<size_t>(kDeepestJson)) {
      refuse(mark, fmt::format("nested more than {} deep", kDeepestJson), Code::Limit);
    }
    if (!fault_ && !open_.empty() && open_.back().node->is_object() && !open_.back().key) {
      refuse(mark, "a field's name is not text");
    }
    Json* node = add(mark, tag, anchor, std::move(value));
    if (node != nullptr) open_.push_back({.node = node, .key = std::nullopt});
  }
  void close() {
    if (!fault_) open_.pop_back();
  }

  size_t& values_;
  YAML::Mark mark_ = YAML::Mark::null_mark();
  Json root_;
  std::vector<Open> open_;
  std::optional<Error> fault_;
};

Result<> collect(std::istream& input, std::vector<YamlDocument>& documents) {
  YAML::Parser parser(input);
  size_t values = 0;
  while (true) {
    TreeBuilder builder(values);
    if (!parser.HandleNextDocument(builder)) return {};
    if (auto fault = builder.fault()) return *fault;
    if (documents.size() == kMostYamlDocuments) {
      return error(Code::Limit, "more than {} documents", kMostYamlDocuments);
    }
    YamlDocument document{.tree = builder.take(), .line = builder.line()};
    if (!document.tree.is_null()) documents.push_back(std::move(document));
  }
}

// Whether every YAML reader takes the text, unquoted, for this very text.
bool reads_plain(std::string_view text) {
  static const std::set<std::string, std::less<>> kWords = {"null", "true", "false", "yes", "no",
                                                            "on",   "off",  "y",     "n"};
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '/' || c == '.';
  };
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/'; };
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), safe) &&
         !kWords.contains(lower);
}

void emit(YAML::Emitter& out, const OrderedJson& tree) {
  if (tree.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [name, value] : tree.items()) {
      out << YAML::Key << name << YAML::Value;
      emit(out, value);
    }
    out << YAML::EndMap;
  } else if (tree.is_array()) {
    const bool flat = std::none_of(tree.begin(), tree.end(), [](const auto& item) { return item.is_structured(); });
    if (flat) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& item : tree) emit(out, item);
    out << YAML::EndSeq;
  } else if (tree.is_string()) {
    const auto& text = tree.get_ref<const std::string&>();
    if (!reads_plain(text)) out << YAML::DoubleQuoted;
    out << text;
  } else {
    out << tree.dump();
  }
}

}  // namespace

Result<std::vector<YamlDocument>> parse_yaml(std::string_view text) {
  if (text.size() > kMostYamlBytes) {
    return error(Code::Limit, "more than {} bytes of YAML; JSON may be longer", kMostYamlBytes);
  }
  std::istringstream input{std::string(text)};
  std::vector<YamlDocument> documents;
  try {
    TRY_VOID(collect(input, documents));
  } catch (const YAML::Exception& fault) {
    return error(Code::Usage, "line {}: not YAML: {}", fault.mark.line + 1, fault.msg);
  }
  return documents;
}

std::string to_yaml(const OrderedJson& tree) {
  YAML::Emitter out;
  out << YAML::BeginDoc;
  emit(out, tree);
  return std::string(out.c_str()) + "\n";
}

}  // namespace weft::schema
