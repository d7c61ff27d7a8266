#include "schema/object.h"

#include "weft/v1/command.pb.h"

namespace weft::schema {

using google::protobuf::Message;

// The alternatives of model::Object and of the schema's Object stand in the same
// order, which a test checks.
void write_any(const model::Object& object, v1::Object& into) {
  const auto* field = v1::Object::descriptor()->oneof_decl(0)->field(static_cast<int>(object.index()));
  Message* message = into.GetReflection()->MutableMessage(&into, field);
  std::visit([&](const auto& noun) { write(noun, *message); }, object);
}

OrderedJson object_json(const model::Object& object) {
  v1::Object any;
  write_any(object, any);
  return to_json(any).front();
}

}  // namespace weft::schema

namespace weft::schema::detail {

const FieldDescriptor* field_named(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  CHECK(field != nullptr);
  return field;
}

}  // namespace weft::schema::detail
