#include "cli/request.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/value.h"

namespace weft::cli {

namespace {

using Json = nlohmann::ordered_json;

// "timeouts.other" is a field of a field.
Json& place(Json& request, std::string_view path) {
  Json* at = &request;
  for (const auto name : base::split(path, '.')) at = &(*at)[std::string(name)];
  return *at;
}

Json value_of(const Flag& flag, const std::vector<std::string>& values) {
  if (flag.kind == Kind::Switch) return flag.sends.empty() ? Json(true) : Json(std::string(flag.sends));
  if (flag.count == Count::One) return json_of(flag.kind, values.front());
  Json list = Json::array();
  for (const auto& value : values) list.push_back(json_of(flag.kind, value));
  return list;
}

void put_flags(Json& request, const Given& given) {
  for (const auto* flags : {&given.command->flags, &global_flags()}) {
    for (const Flag& flag : *flags) {
      const auto found = given.flags.find(flag.name);
      if (found != given.flags.end() && flag.field != "-")
        place(request, field_of(flag)) = value_of(flag, found->second);
    }
  }
}

}  // namespace

std::vector<Json> requests_of(const Given& given) {
  Json request = Json::object();
  const Argument* each = nullptr;
  for (const Argument& argument : given.command->arguments) {
    const auto found = given.arguments.find(argument.name);
    if (argument.field == "-" || found == given.arguments.end() || found->second.empty()) continue;
    Json& field = place(request, argument.field);
    if (argument.count == Count::One) field = json_of(argument.kind, found->second.front());
    if (argument.count == Count::Many) field = found->second;
    if (argument.count == Count::Each) each = &argument;
  }
  put_flags(request, given);
  if (!each) return {request};
  std::vector<Json> requests;
  for (const std::string& value : given.arguments.at(each->name)) {
    place(request, each->field) = value;
    requests.push_back(request);
  }
  return requests;
}

}  // namespace weft::cli
