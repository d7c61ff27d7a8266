// src/modules.txt: who may include whom.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::project {

struct Module {
  std::string name;
  std::set<std::string> uses;
  std::string what;
};

struct ModuleTable {
  std::vector<Module> modules;                             // lower ones first
  std::map<std::string, std::set<std::string>> libraries;  // the beginning of a header's name -> who may include it

  static Result<ModuleTable> parse(std::string_view text);
  const Module* find(std::string_view name) const;
};

struct Include {
  std::string target;
  enum class Form { Quoted, Angled } form;
};

// The #include lines of a source file.
std::vector<Include> includes_in(std::string_view source);

// Why a file of `module` may not have this include; empty: it may.
std::string objection(const ModuleTable& table, std::string_view module, const Include& include);

std::filesystem::path source_folder();
std::string read_text(const std::filesystem::path& path);

}  // namespace weft::project
