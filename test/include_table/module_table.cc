#include "test/include_table/module_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/check.h"

namespace weft::project {

namespace {

std::set<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::set<std::string> all;
  for (std::string word; in >> word;) all.insert(word);
  return all;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

Result<> check_names(const ModuleTable& table, const std::string& line, const std::set<std::string>& names) {
  for (const std::string& name : names) {
    if (table.find(name) == nullptr) {
      return base::error(base::Code::Usage, "'{}': {} does not stand above it in the table", line, name);
    }
  }
  return {};
}

}  // namespace

const Module* ModuleTable::find(std::string_view name) const {
  const auto found =
      std::find_if(modules.begin(), modules.end(), [&](const Module& each) { return each.name == name; });
  return found == modules.end() ? nullptr : &*found;
}

Result<ModuleTable> ModuleTable::parse(std::string_view text) {
  ModuleTable table;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto colon = line.find(':');
    if (colon == std::string::npos) return base::error(base::Code::Usage, "'{}': no colon", line);
    const std::string name = line.substr(0, colon);
    const auto bar = line.find('|', colon);
    const auto names = words(line.substr(colon + 1, bar == std::string::npos ? bar : bar - colon - 1));
    TRY_VOID(check_names(table, line, names));
    if (name[0] == '<') {
      table.libraries[name.substr(1)] = names;
      continue;
    }
    if (bar == std::string::npos) return base::error(base::Code::Usage, "'{}': it doesn't say what it is", line);
    if (table.find(name) != nullptr) return base::error(base::Code::Usage, "'{}' stands there twice", name);
    table.modules.push_back({.name = name, .uses = names, .what = trimmed(line.substr(bar + 1))});
  }
  return table;
}

std::vector<Include> includes_in(std::string_view source) {
  static const std::regex line(R"(^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">])", std::regex::multiline);
  std::vector<Include> all;
  const std::string text(source);
  for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it) {
    all.push_back({(*it)[2], (*it)[1] == "<" ? Include::Form::Angled : Include::Form::Quoted});
  }
  return all;
}

std::string objection(const ModuleTable& table, std::string_view module, const Include& include) {
  const Module* self = table.find(module);
  CHECK(self != nullptr);
  if (include.form == Include::Form::Angled) {
    for (const auto& [prefix, owners] : table.libraries) {
      if (include.target.starts_with(prefix) && !owners.contains(self->name)) {
        return fmt::format("<{}> belongs to {}", include.target, fmt::join(owners, ", "));
      }
    }
    return "";
  }
  const auto slash = include.target.find('/');
  std::string of = slash == std::string::npos ? "" : include.target.substr(0, slash);
  if (of == "weft") of = "proto";                       // made from proto/weft
  if (include.target.ends_with(".skel.h")) of = "bpf";  // made from src/bpf
  if (table.find(of) == nullptr) return fmt::format("\"{}\" is in no module", include.target);
  if (of == self->name || self->uses.contains(of)) return "";
  return fmt::format("{} may not include {} (\"{}\")", module, of, include.target);
}

std::filesystem::path source_folder() { return WEFT_SOURCE_FOLDER; }

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  CHECK(in.good());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace weft::project
