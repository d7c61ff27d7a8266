// What a command does, told field by field.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include "model/state.h"
#include "weft/v1/answer.pb.h"

namespace weft::api {

// The fields in which two versions of an object differ; what is absent on one
// side has an empty text there. Values of environment variables stay hidden.
google::protobuf::RepeatedPtrField<v1::FieldChange> differences(const std::optional<model::Object>& before,
                                                                const std::optional<model::Object>& after);

v1::Change describe(const model::Change& change);
google::protobuf::RepeatedPtrField<v1::Change> describe(const model::Changes& changes);

// That `wanted` is what is there already; else a conflict that names the first
// field in which it isn't.
Result<> expect_same(const model::Object& there, const model::Object& wanted);

// The prefix of the object's ids, and its name or, without one, its id.
std::string kind_of(const model::Object& object);
std::string name_of(const model::Object& object);

}  // namespace weft::api
