#include "api/change.h"

#include "schema/object.h"

namespace weft::api {

using schema::OrderedJson;

namespace {

OrderedJson fields_of(const std::optional<model::Object>& object) {
  return object ? schema::object_json(*object) : OrderedJson::object();
}

// Secrets live in an environment: its names are told, not its values.
OrderedJson shown(const std::string& field, OrderedJson value) {
  if (field != "env") return value;
  for (auto& entry : value) {
    const auto& text = entry.get_ref<const std::string&>();
    entry = text.substr(0, text.find('=')) + "=...";
  }
  return value;
}

std::string value_text(const OrderedJson& tree, const std::string& field) {
  return tree.contains(field) ? shown(field, tree[field]).dump() : std::string();
}

}  // namespace

google::protobuf::RepeatedPtrField<v1::FieldChange> differences(const std::optional<model::Object>& before,
                                                                const std::optional<model::Object>& after) {
  google::protobuf::RepeatedPtrField<v1::FieldChange> out;
  const OrderedJson was = fields_of(before);
  const OrderedJson is = fields_of(after);
  const auto tell = [&](const std::string& field) {
    if (was.contains(field) && is.contains(field) && was[field] == is[field]) return;
    v1::FieldChange change;
    change.set_field(field);
    change.set_before(value_text(was, field));
    change.set_after(value_text(is, field));
    *out.Add() = std::move(change);
  };
  for (const auto& [field, value] : is.items()) tell(field);
  for (const auto& [field, value] : was.items()) {
    if (!is.contains(field)) tell(field);
  }
  return out;
}

std::string kind_of(const model::Object& object) {
  const std::string id = model::text_of(model::id_of(object));
  return id.substr(0, id.find('-'));
}

std::string name_of(const model::Object& object) {
  return std::visit(
      [](const auto& o) {
        if constexpr (requires { o.name; }) {
          return o.name;
        } else {
          return o.id.text;
        }
      },
      object);
}

v1::Change describe(const model::Change& change) {
  v1::Change out;
  out.set_action(!change.before ? v1::ACTION_CREATE : !change.after ? v1::ACTION_REMOVE : v1::ACTION_CHANGE);
  const model::Object& object = change.after ? *change.after : *change.before;
  out.set_kind(kind_of(object));
  out.set_id(model::text_of(model::id_of(object)));
  out.set_name(name_of(object));
  if (change.after) *out.mutable_fields() = differences(change.before, change.after);
  return out;
}

google::protobuf::RepeatedPtrField<v1::Change> describe(const model::Changes& changes) {
  google::protobuf::RepeatedPtrField<v1::Change> out;
  for (const model::Change& change : changes) *out.Add() = describe(change);
  return out;
}

Result<> expect_same(const model::Object& there, const model::Object& wanted) {
  if (there == wanted) return {};
  const auto changes = differences(there, wanted);
  CHECK(!changes.empty());
  const v1::FieldChange& first = changes[0];
  return Error{
      .code = base::Code::Conflict,
      .what = fmt::format("{} exists with {} {}, not {}", name_of(there), first.field(), first.before(), first.after()),
      .field = first.field(),
      .holder = model::text_of(model::id_of(there))};
}

}  // namespace weft::api
