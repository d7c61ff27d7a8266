// The model's nouns as messages and back: write() and read(). Both walk a noun's
// `fields` and find the message's field of the same name by reflection, so a new
// field needs a line in the model and one in the schema, and none here.
//
// A message may have more fields than the noun (those of a list's items do);
// write() leaves them alone. It may not have fewer, which a test checks.
#pragma once

#include <google/protobuf/message.h>

#include <concepts>
#include <limits>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "schema/json.h"
#include "schema/text.h"

namespace weft::v1 {
class Object;
}

namespace weft::schema {

// An object of any kind as the schema's alternative for it, and as JSON.
void write_any(const model::Object& object, v1::Object& into);
OrderedJson object_json(const model::Object& object);

template <class T>
void write(const T& object, google::protobuf::Message& into);
template <class T>
Result<T> read(const google::protobuf::Message& from);

namespace detail {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

template <class T>
concept Texted = requires(const T& value) {
  to_text(value);
};
template <class T>
concept Enumerated = std::is_enum_v<T>;

const FieldDescriptor* field_named(const Message& message, const char* name);

// One value of a singular field.
class FieldWriter {
 public:
  explicit FieldWriter(Message& into) : into_(into) {}

  template <class T>
  void operator()(const char* name, const T& value) {
    put(field_named(into_, name), value);
  }

 private:
  template <class T>
  void put(const FieldDescriptor* field, const std::optional<T>& value) {
    if (value) put(field, *value);
  }
  template <class T>
  void put(const FieldDescriptor* field, const std::vector<T>& values) {
    for (const T& value : values) {
      if constexpr (Texted<T>) {
        into_.GetReflection()->AddString(&into_, field, to_text(value));
      } else {
        write(value, *into_.GetReflection()->AddMessage(&into_, field));
      }
    }
  }
  template <class T>
  void put(const FieldDescriptor* field, const T& value) {
    const auto* reflection = into_.GetReflection();
    if constexpr (Texted<T>) {
      reflection->SetString(&into_, field, to_text(value));
    } else if constexpr (Enumerated<T>) {
      reflection->SetEnumValue(&into_, field, static_cast<int>(value));
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      reflection->SetUInt64(&into_, field, value);
    } else if constexpr (std::unsigned_integral<T>) {
      reflection->SetUInt32(&into_, field, value);
    } else {
      write(value, *reflection->MutableMessage(&into_, field));
    }
  }

  Message& into_;
};

class FieldReader {
 public:
  explicit FieldReader(const Message& from) : from_(from) {}

  template <class T>
  void operator()(const char* name, T& value) {
    if (!outcome_.ok()) return;
    outcome_ = get(field_named(from_, name), value).in_field(name);
  }
  Result<> outcome() && { return std::move(outcome_); }

 private:
  template <class T>
  Result<> get(const FieldDescriptor* field, std::optional<T>& value) {
    if (!from_.GetReflection()->HasField(from_, field)) return {};
    return get(field, value.emplace());
  }
  template <class T>
  Result<> get(const FieldDescriptor* field, std::vector<T>& values) {
    const auto* reflection = from_.GetReflection();
    const int count = reflection->FieldSize(from_, field);
    for (int i = 0; i < count; ++i) {
      if constexpr (Texted<T>) {
        std::string scratch;
        TRY_VOID(parse_text(reflection->GetRepeatedStringReference(from_, field, i, &scratch), values.emplace_back()));
      } else {
        values.push_back(TRY(read<T>(reflection->GetRepeatedMessage(from_, field, i))));
      }
    }
    return {};
  }
  template <class T>
  Result<> get(const FieldDescriptor* field, T& value) {
    const auto* reflection = from_.GetReflection();
    if constexpr (Texted<T>) {
      std::string scratch;
      return parse_text(reflection->GetStringReference(from_, field, &scratch), value);
    } else if constexpr (Enumerated<T>) {
      const int number = reflection->GetEnumValue(from_, field);
      if (field->enum_type()->FindValueByNumber(number) == nullptr) {
        return error(base::Code::Usage, "{} has no value {}", field->enum_type()->name(), number);
      }
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      value = reflection->GetUInt64(from_, field);
    } else if constexpr (std::unsigned_integral<T>) {
      const uint32_t number = reflection->GetUInt32(from_, field);
      if (number > std::numeric_limits<T>::max()) {
        return error(base::Code::Usage, "{} is more than {}", number, std::numeric_limits<T>::max());
      }
      value = static_cast<T>(number);
    } else {
      value = TRY(read<T>(reflection->GetMessage(from_, field)));
    }
    return {};
  }

  const Message& from_;
  Result<> outcome_;
};

}  // namespace detail

template <class T>
void write(const T& object, google::protobuf::Message& into) {
  // The writer only looks; `fields` serves readers, too.
  fields(detail::FieldWriter(into), const_cast<T&>(object));
}

template <class T>
Result<T> read(const google::protobuf::Message& from) {
  T object;
  detail::FieldReader reader(from);
  fields(reader, object);
  TRY_VOID(std::move(reader).outcome());
  return object;
}

}  // namespace weft::schema
