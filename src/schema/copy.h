// copy_fields: what two messages have in common, by name.
#pragma once

#include <google/protobuf/message.h>

namespace weft::schema {

// Fields of `into` of which `from` has one with the same name and type take its
// value; others stay.
void copy_fields(const google::protobuf::Message& from, google::protobuf::Message& into);

}  // namespace weft::schema
