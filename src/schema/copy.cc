#include "schema/copy.h"

#include "base/check.h"
#include "schema/json.h"

namespace weft::schema {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

bool same_type(const FieldDescriptor& a, const FieldDescriptor& b) {
  return a.type() == b.type() && a.is_repeated() == b.is_repeated() && a.message_type() == b.message_type() &&
         a.enum_type() == b.enum_type();
}

}  // namespace

void copy_fields(const Message& from, Message& into) {
  Json shared = Json::object();
  const auto tree = to_json(from, Fields::NonZero);
  for (const auto& [name, value] : tree.items()) {
    const FieldDescriptor* source = from.GetDescriptor()->FindFieldByName(name);
    const FieldDescriptor* target = into.GetDescriptor()->FindFieldByName(name);
    if (target != nullptr && same_type(*source, *target)) shared[name] = Json::parse(value.dump());
  }
  CHECK(read_json(shared, into).ok());
}

}  // namespace weft::schema
