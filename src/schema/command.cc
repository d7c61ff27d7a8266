#include "schema/command.h"

#include <google/protobuf/stubs/logging.h>

#include "schema/object.h"
#include "weft/v1/command.pb.h"

namespace weft::schema {

using base::Code;
using google::protobuf::FieldDescriptor;

namespace {

const FieldDescriptor* alternative(size_t index) {
  return v1::Object::descriptor()->oneof_decl(0)->field(static_cast<int>(index));
}

template <size_t I = 0>
Result<model::Object> read_object(const v1::Object& from) {
  if constexpr (I == std::variant_size_v<model::Object>) {
    return error(Code::Usage, "an object of no known kind");
  } else {
    using Noun = std::variant_alternative_t<I, model::Object>;
    const FieldDescriptor* field = alternative(I);
    if (!from.GetReflection()->HasField(from, field)) return read_object<I + 1>(from);
    const auto& message = from.GetReflection()->GetMessage(from, field);
    auto noun = TRY(read<Noun>(message).in_field(field->name()));
    if (noun.id.empty()) return Error{.code = Code::Usage, .what = "an object without an id", .field = "id"};
    return model::Object(std::move(noun));
  }
}

Result<model::Operation> read_operation(const v1::Operation& from) {
  switch (from.operation_case()) {
    case v1::Operation::kPut: return model::Operation(model::Put{TRY(read_object(from.put()))});
    case v1::Operation::kRemove: return model::Operation(model::Remove{TRY(parse_any_id(from.remove()))});
    case v1::Operation::OPERATION_NOT_SET: break;
  }
  return error(Code::Usage, "an operation of no known kind");
}

Result<> parse_message(std::string_view bytes, size_t largest, google::protobuf::Message& into) {
  if (bytes.size() > largest) return error(Code::Limit, "{} bytes are more than {}", bytes.size(), largest);
  const google::protobuf::LogSilencer the_answer_says_it;
  if (!into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return error(Code::Failed, "not a {}: the bytes don't parse", into.GetDescriptor()->name());
  }
  return {};
}

}  // namespace

std::string encode(const model::Command& command) {
  v1::Command message;
  message.set_at(command.at.ns);
  message.set_actor(command.actor);
  for (const model::Operation& operation : command.operations) {
    v1::Operation* into = message.add_operations();
    if (const auto* put = std::get_if<model::Put>(&operation)) {
      write_any(put->object, *into->mutable_put());
    } else {
      into->set_remove(model::text_of(std::get<model::Remove>(operation).id));
    }
  }
  return message.SerializeAsString();
}

Result<model::Command> parse_command(std::string_view bytes) {
  v1::Command message;
  TRY_VOID(parse_message(bytes, kLargestCommand, message));
  model::Command command{.at = {message.at()}, .actor = message.actor(), .operations = {}};
  for (int i = 0; i < message.operations_size(); ++i) {
    command.operations.push_back(TRY(read_operation(message.operations(i)).in_field(fmt::format("operations[{}]", i))));
  }
  return command;
}

std::string encode(const std::vector<model::Object>& objects) {
  v1::Snapshot message;
  for (const model::Object& object : objects) write_any(object, *message.add_objects());
  return message.SerializeAsString();
}

Result<std::vector<model::Object>> parse_objects(std::string_view bytes) { return TRY(parse_snapshot(bytes)).objects; }

std::string encode(const model::Snapshot& snapshot) {
  v1::Snapshot message;
  for (const model::Object& object : snapshot.objects) write_any(object, *message.add_objects());
  for (const model::Rest& rest : snapshot.resting) write(rest, *message.add_resting());
  return message.SerializeAsString();
}

Result<model::Snapshot> parse_snapshot(std::string_view bytes) {
  v1::Snapshot message;
  TRY_VOID(parse_message(bytes, kLargestSnapshot, message));
  model::Snapshot snapshot;
  for (int i = 0; i < message.objects_size(); ++i) {
    snapshot.objects.push_back(TRY(read_object(message.objects(i)).in_field(fmt::format("objects[{}]", i))));
  }
  for (int i = 0; i < message.resting_size(); ++i) {
    snapshot.resting.push_back(TRY(read<model::Rest>(message.resting(i)).in_field(fmt::format("resting[{}]", i))));
  }
  return snapshot;
}

}  // namespace weft::schema
