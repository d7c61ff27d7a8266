#include "cli/cell.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string string_at(const Json& item, std::string_view path) {
  const Json& value = value_at(item, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

const Json& value_at(const Json& item, std::string_view path) {
  static const Json kNull;
  const Json* at = &item;
  for (const auto name : base::split(path, '.')) {
    if (!at->is_object()) return kNull;
    const auto found = at->find(std::string(name));
    if (found == at->end()) return kNull;
    at = &*found;
  }
  return *at;
}

std::string text_of(const Json& value) {
  if (value.is_null()) return std::string(kNothing);
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? std::string(kNothing) : text;
  }
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (value.empty()) return std::string(kNothing);
  std::string out;
  for (const Json& element : value) out += (out.empty() ? "" : ", ") + text_of(element);
  return out;
}

std::string age_of(std::string_view time, base::WallTime now) {
  const auto then = base::parse_time(time);
  if (!then.ok()) return std::string(time);
  const int64_t seconds = (now - *then).count() / 1'000'000'000;
  if (seconds < 0) return "0s";
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 120 * 60) return fmt::format("{}m", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

std::string words_of(const Json& words) {
  if (!words.is_array() || words.empty()) return std::string(kNothing);
  std::string out;
  for (const Json& word : words) {
    if (word.is_string()) out += (out.empty() ? "" : " ") + quoted(word.get<std::string>());
  }
  return out;
}

std::string run_state_of(const Json& status, base::WallTime now) {
  std::string text = string_at(status, "state");
  if (text.empty()) return std::string(kNothing);
  const std::string started = string_at(status, "started");
  const std::string ended = string_at(status, "ended");
  if (text == "running" && !started.empty()) return text + " " + age_of(started, now);
  const Json& code = value_at(status, "exit_code");
  if (text != "running" && code.is_number_integer()) text += fmt::format(" ({})", code.get<int64_t>());
  if (text.starts_with("exited") && !ended.empty()) text += " " + age_of(ended, now) + " ago";
  const std::string reason = string_at(status, "reason");
  if (!text.starts_with("running") && !reason.empty()) text += ": " + reason;
  return text;
}

std::string cell_of(const Json& item, const Column& column, base::WallTime now) {
  const Json& value = value_at(item, column.path);
  switch (column.form) {
    case Form::Text: return text_of(value);
    case Form::Age: return value.is_string() ? age_of(value.get<std::string>(), now) : text_of(value);
    case Form::Words: return words_of(value);
    case Form::RunState: return run_state_of(value, now);
    case Form::Until: return text_of(value) + (value_at(item, "expired") == true ? " (expired)" : "");
  }
  return text_of(value);
}

std::string reference_of(const Json& item) {
  const std::string name = string_at(item, "name");
  const std::string vpc = string_at(item, "vpc_name");
  if (name.empty()) return string_at(item, "id");
  return vpc.empty() ? name : vpc + "/" + name;
}

}  // namespace weft::cli
