#include "schema/json.h"

#include <limits>
#include <set>

#include "base/check.h"
#include "base/text.h"

namespace weft::schema {

using base::Code;
using base::printable;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// Counts what a parse brings up, and remembers the first thing that is too much.
class Bounds {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (fault_) return false;
    using enum Json::parse_event_t;
    if (event == object_end || event == array_end) return true;
    if (++values_ > kMostJsonValues) return refuse(Code::Limit, fmt::format("more than {} values", kMostJsonValues));
    if (event == object_start || event == array_start) {
      if (depth >= kDeepestJson) return refuse(Code::Limit, fmt::format("nested more than {} deep", kDeepestJson));
      keys_.resize(static_cast<size_t>(depth) + 2);
      keys_.back().clear();
    }
    if (event == key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!keys_[static_cast<size_t>(depth)].insert(name).second) {
        return refuse(Code::Usage, fmt::format("the field {} stands there twice", printable(name)));
      }
    }
    return true;
  }
  std::optional<Error> fault() && { return std::move(fault_); }

 private:
  bool refuse(Code code, std::string what) {
    fault_ = Error{.code = code, .what = std::move(what)};
    return false;
  }

  size_t values_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects around, by depth
  std::optional<Error> fault_;
};

std::string screaming(const std::string& camel) {
  std::string out;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? c : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return out;
}

std::string values_of(const EnumDescriptor& type) {
  std::string all;
  for (int i = 0; i < type.value_count(); ++i) all += (i ? ", " : "") + value_name(*type.value(i));
  return all;
}

std::string_view shape_of(const Json& tree) {
  if (tree.is_object()) return "an object";
  if (tree.is_array()) return "a list";
  if (tree.is_string()) return "text";
  if (tree.is_boolean()) return "true or false";
  return "a number";
}

Error unfit(const Json& tree, std::string_view wanted) {
  if (tree.is_structured()) return error(Code::Usage, "is {}, not {}", shape_of(tree), wanted);
  const std::string text = tree.is_string() ? tree.get<std::string>() : tree.dump();
  return error(Code::Usage, "{} is not {}", printable(text), wanted);
}

// A number, or its digits as text (YAML has only text).
template <class T>
Result<T> read_number(const Json& tree) {
  const auto wanted =
      fmt::format("a number from {} to {}", std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
  if (tree.is_number_unsigned()) {
    const auto value = tree.get<uint64_t>();
    if (value <= static_cast<uint64_t>(std::numeric_limits<T>::max())) return static_cast<T>(value);
  } else if (tree.is_number_integer()) {
    const auto value = tree.get<int64_t>();
    if (value >= static_cast<int64_t>(std::numeric_limits<T>::min())) return static_cast<T>(value);
  } else if (tree.is_string()) {
    const auto value =
        base::parse_number(tree.get_ref<const std::string&>(), 0, static_cast<uint64_t>(std::numeric_limits<T>::max()));
    if (value.ok()) return static_cast<T>(*value);
  }
  return unfit(tree, wanted);
}

Result<bool> read_bool(const Json& tree) {
  if (tree.is_boolean()) return tree.get<bool>();
  if (tree == "true") return true;
  if (tree == "false") return false;
  return unfit(tree, "true or false");
}

Result<int> read_enum(const Json& tree, const EnumDescriptor& type) {
  if (tree.is_string()) {
    const auto& name = tree.get_ref<const std::string&>();
    for (int i = 0; i < type.value_count(); ++i) {
      if (value_name(*type.value(i)) == name || type.value(i)->name() == name) return type.value(i)->number();
    }
  }
  return unfit(tree, "one of " + values_of(type));
}

// Puts one value: into the field, or at the end of a repeated one.
class ValueReader {
 public:
  ValueReader(Message& into, const FieldDescriptor* field)
      : into_(into), reflection_(*into.GetReflection()), field_(field) {}

  Result<> read(const Json& tree) {
    switch (field_->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: return read_text(tree);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return read_json(tree, *(field_->is_repeated() ? reflection_.AddMessage(&into_, field_)
                                                       : reflection_.MutableMessage(&into_, field_)));
      case FieldDescriptor::CPPTYPE_ENUM:
        return put(TRY(read_enum(tree, *field_->enum_type())), &Reflection::SetEnumValue, &Reflection::AddEnumValue);
      case FieldDescriptor::CPPTYPE_BOOL: return put(TRY(read_bool(tree)), &Reflection::SetBool, &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_UINT32:
        return put(TRY(read_number<uint32_t>(tree)), &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return put(TRY(read_number<uint64_t>(tree)), &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_INT32:
        return put(TRY(read_number<int32_t>(tree)), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return put(TRY(read_number<int64_t>(tree)), &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE: break;
    }
    CHECK(false);  // the schema has no such field
  }

 private:
  using Reflection = google::protobuf::Reflection;

  Result<> read_text(const Json& tree) {
    if (!tree.is_string()) return unfit(tree, "text");
    const auto& text = tree.get_ref<const std::string&>();
    if (field_->is_repeated()) {
      reflection_.AddString(&into_, field_, text);
    } else {
      reflection_.SetString(&into_, field_, text);
    }
    return {};
  }
  template <class T, class Function>
  Result<> put(T value, Function set, Function add) {
    (reflection_.*(field_->is_repeated() ? add : set))(&into_, field_, value);
    return {};
  }

  Message& into_;
  const Reflection& reflection_;
  const FieldDescriptor* field_;
};

Result<> read_field(const Json& tree, Message& into, const FieldDescriptor* field) {
  if (tree.is_null()) return {};
  ValueReader reader(into, field);
  if (!field->is_repeated()) return reader.read(tree).in_field(field->name());
  if (!tree.is_array()) return Result<>(unfit(tree, "a list")).in_field(field->name());
  for (size_t i = 0; i < tree.size(); ++i) {
    TRY_VOID(reader.read(tree[i]).in_field(fmt::format("{}[{}]", field->name(), i)));
  }
  return {};
}

OrderedJson value_json(const Message& message, const FieldDescriptor* field, int index, Fields which) {
  const auto& reflection = *message.GetReflection();
  const auto pick = [&](auto single, auto repeated) {
    return index < 0 ? (reflection.*single)(message, field) : (reflection.*repeated)(message, field, index);
  };
  using Reflection = google::protobuf::Reflection;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: return pick(&Reflection::GetString, &Reflection::GetRepeatedString);
    case FieldDescriptor::CPPTYPE_BOOL: return pick(&Reflection::GetBool, &Reflection::GetRepeatedBool);
    case FieldDescriptor::CPPTYPE_UINT32: return pick(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
    case FieldDescriptor::CPPTYPE_UINT64: return pick(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64);
    case FieldDescriptor::CPPTYPE_INT32: return pick(&Reflection::GetInt32, &Reflection::GetRepeatedInt32);
    case FieldDescriptor::CPPTYPE_INT64: return pick(&Reflection::GetInt64, &Reflection::GetRepeatedInt64);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = pick(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
      const EnumValueDescriptor* value = field->enum_type()->FindValueByNumber(number);
      return value == nullptr ? std::to_string(number) : value_name(*value);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return to_json(
          index < 0 ? reflection.GetMessage(message, field) : reflection.GetRepeatedMessage(message, field, index),
          which);
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE: break;
  }
  CHECK(false);  // the schema has no such field
}

}  // namespace

std::string value_name(const EnumValueDescriptor& value) {
  std::string_view name = value.name();
  const std::string prefix = screaming(value.type()->name()) + "_";
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  std::string out;
  for (const char c : name) out += c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

Result<Json> parse_json(std::string_view text) {
  if (text.size() > kMostJsonBytes) return error(Code::Limit, "more than {} bytes of JSON", kMostJsonBytes);
  Bounds bounds;
  Json tree;
  try {
    tree = Json::parse(text, std::ref(bounds));
  } catch (const Json::parse_error& fault) {
    if (auto earlier = std::move(bounds).fault()) return *earlier;
    return error(Code::Usage, "not JSON: something is wrong at byte {}", fault.byte);
  } catch (const Json::out_of_range&) {
    return error(Code::Usage, "a number is out of range");
  }
  if (auto fault = std::move(bounds).fault()) return *fault;
  return tree;
}

Result<> read_json(const Json& tree, Message& into) {
  if (!tree.is_object()) return unfit(tree, "an object");
  for (const auto& [name, value] : tree.items()) {
    const FieldDescriptor* field = into.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) {
      return Error{.code = Code::Usage, .what = fmt::format("there is no field {}", printable(name)), .field = name};
    }
    TRY_VOID(read_field(value, into, field));
  }
  return {};
}

Result<> read_json_text(std::string_view text, Message& into) {
  if (text.empty()) return {};
  return read_json(TRY(parse_json(text)), into);
}

OrderedJson to_json(const Message& message, Fields which) {
  OrderedJson tree = OrderedJson::object();
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->is_repeated()) {
      const int count = reflection.FieldSize(message, field);
      if (count == 0 && which == Fields::NonZero) continue;
      OrderedJson& list = tree[field->name()] = OrderedJson::array();
      for (int at = 0; at < count; ++at) list.push_back(value_json(message, field, at, which));
    } else if (reflection.HasField(message, field) || (which == Fields::All && !field->has_presence())) {
      tree[field->name()] = value_json(message, field, -1, which);
    }
  }
  return tree;
}

std::string to_json_text(const Message& message) {
  return to_json(message).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace weft::schema
