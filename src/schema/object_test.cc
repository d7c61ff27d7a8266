#include "schema/object.h"

#include <gtest/gtest.h>

#include <set>

#include "weft/v1/command.pb.h"

namespace weft::schema {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// The kind of schema field that a model field wants.
struct Shape {
  FieldDescriptor::CppType type = FieldDescriptor::CPPTYPE_STRING;
  bool repeated = false;
  bool optional = false;
};

class FieldLister {
 public:
  explicit FieldLister(std::map<std::string, Shape>& into) : into_(into) {}
  template <class T>
  void operator()(const char* name, const T& value) {
    into_[name] = shape(value);
  }

 private:
  template <class T>
  static Shape shape(const std::optional<T>&) {
    Shape of = shape(T{});
    of.optional = true;
    return of;
  }
  template <class T>
  static Shape shape(const std::vector<T>&) {
    Shape of = shape(T{});
    of.repeated = true;
    return of;
  }
  template <class T>
  static Shape shape(const T&) {
    if constexpr (detail::Texted<T>)
      return {.type = FieldDescriptor::CPPTYPE_STRING};
    else if constexpr (std::is_enum_v<T>)
      return {.type = FieldDescriptor::CPPTYPE_ENUM};
    else if constexpr (std::is_same_v<T, uint64_t>)
      return {.type = FieldDescriptor::CPPTYPE_UINT64};
    else if constexpr (std::unsigned_integral<T>)
      return {.type = FieldDescriptor::CPPTYPE_UINT32};
    else
      return {.type = FieldDescriptor::CPPTYPE_MESSAGE};
  }
  std::map<std::string, Shape>& into_;
};

template <class T>
std::map<std::string, Shape> shapes_of() {
  std::map<std::string, Shape> shapes;
  T object;
  fields(FieldLister(shapes), object);
  return shapes;
}

template <class T>
void expect_fits(const Descriptor& message) {
  for (const auto& [name, shape] : shapes_of<T>()) {
    const FieldDescriptor* field = message.FindFieldByName(name);
    ASSERT_NE(field, nullptr) << message.name() << " lacks " << name;
    EXPECT_EQ(field->cpp_type(), shape.type) << message.name() << "." << name;
    EXPECT_EQ(field->is_repeated(), shape.repeated) << message.name() << "." << name;
    if (shape.type != FieldDescriptor::CPPTYPE_MESSAGE && !shape.repeated) {
      EXPECT_EQ(field->has_presence(), shape.optional) << message.name() << "." << name;
    }
  }
}

template <class T>
void expect_same(const Descriptor& message) {
  expect_fits<T>(message);
  const auto shapes = shapes_of<T>();
  for (int i = 0; i < message.field_count(); ++i) {
    EXPECT_TRUE(shapes.contains(message.field(i)->name()))
        << message.name() << "." << message.field(i)->name() << " is not in the model";
  }
}

TEST(Schema, HasExactlyTheFieldsOfTheModel) {
  expect_same<model::Machine>(*v1::Machine::descriptor());
  expect_same<model::Vpc>(*v1::Vpc::descriptor());
  expect_same<model::Subnet>(*v1::Subnet::descriptor());
  expect_same<model::Block>(*v1::Block::descriptor());
  expect_same<model::Group>(*v1::Group::descriptor());
  expect_same<model::Rule>(*v1::Rule::descriptor());
  expect_same<model::PrefixList>(*v1::PrefixList::descriptor());
  expect_same<model::Tni>(*v1::Tni::descriptor());
  expect_same<model::FlowTimeouts>(*v1::FlowTimeouts::descriptor());
  expect_same<model::Workload>(*v1::Workload::descriptor());
  expect_same<model::RouteTable>(*v1::RouteTable::descriptor());
  expect_same<model::Route>(*v1::Route::descriptor());
  expect_same<model::Acl>(*v1::Acl::descriptor());
  expect_same<model::AclRule>(*v1::AclRule::descriptor());
  expect_same<model::Limits>(*v1::Limits::descriptor());
  expect_same<model::Publication>(*v1::Publication::descriptor());
}

TEST(Schema, ItemsOfListsHaveTheNounsFields) {
  expect_fits<model::Vpc>(*v1::VpcItem::descriptor());
  expect_fits<model::Subnet>(*v1::SubnetItem::descriptor());
  expect_fits<model::Group>(*v1::GroupItem::descriptor());
  expect_fits<model::Rule>(*v1::RuleItem::descriptor());
  expect_fits<model::PrefixList>(*v1::PrefixListItem::descriptor());
  expect_fits<model::Tni>(*v1::TniItem::descriptor());
  expect_fits<model::Workload>(*v1::WorkloadItem::descriptor());
  expect_fits<model::RouteTable>(*v1::RouteTableItem::descriptor());
  expect_fits<model::Route>(*v1::RouteItem::descriptor());
  expect_fits<model::Acl>(*v1::AclItem::descriptor());
  expect_fits<model::AclRule>(*v1::AclRuleItem::descriptor());
}

template <size_t... I>
std::vector<std::string> kinds(std::index_sequence<I...>) {
  const auto name = [](auto object) -> std::string {
    using T = decltype(object);
    if constexpr (std::is_same_v<T, model::Machine>) return "Machine";
    if constexpr (std::is_same_v<T, model::Vpc>) return "Vpc";
    if constexpr (std::is_same_v<T, model::Subnet>) return "Subnet";
    if constexpr (std::is_same_v<T, model::Block>) return "Block";
    if constexpr (std::is_same_v<T, model::Group>) return "Group";
    if constexpr (std::is_same_v<T, model::Rule>) return "Rule";
    if constexpr (std::is_same_v<T, model::PrefixList>) return "PrefixList";
    if constexpr (std::is_same_v<T, model::Tni>) return "Tni";
    if constexpr (std::is_same_v<T, model::Workload>) return "Workload";
    if constexpr (std::is_same_v<T, model::RouteTable>) return "RouteTable";
    if constexpr (std::is_same_v<T, model::Route>) return "Route";
    if constexpr (std::is_same_v<T, model::Acl>) return "Acl";
    if constexpr (std::is_same_v<T, model::AclRule>) return "AclRule";
  };
  return {name(std::variant_alternative_t<I, model::Object>{})...};
}

TEST(Schema, ObjectListsTheKindsInTheModelsOrder) {
  const auto names = kinds(std::make_index_sequence<std::variant_size_v<model::Object>>());
  const auto* alternatives = v1::Object::descriptor()->oneof_decl(0);
  ASSERT_EQ(alternatives->field_count(), static_cast<int>(names.size()));
  for (int i = 0; i < alternatives->field_count(); ++i) {
    EXPECT_EQ(alternatives->field(i)->message_type()->name(), names[static_cast<size_t>(i)]);
  }
}

TEST(Schema, EnumsHaveTheModelsNumbers) {
  const auto same = [](auto model, auto schema) { return static_cast<int>(model) == static_cast<int>(schema); };
  EXPECT_TRUE(same(model::Internet::None, v1::INTERNET_NONE) && same(model::Internet::Attached, v1::INTERNET_ATTACHED));
  EXPECT_TRUE(same(model::OnRevoke::Cut, v1::ON_REVOKE_CUT) && same(model::OnRevoke::Keep, v1::ON_REVOKE_KEEP));
  EXPECT_TRUE(same(model::Action::Allow, v1::ACL_ACTION_ALLOW) && same(model::Action::Deny, v1::ACL_ACTION_DENY));
  EXPECT_TRUE(same(model::Direction::In, v1::DIRECTION_IN) && same(model::Direction::Out, v1::DIRECTION_OUT));
  EXPECT_TRUE(same(model::Mode::Enforce, v1::MODE_ENFORCE) && same(model::Mode::Audit, v1::MODE_AUDIT));
  EXPECT_TRUE(same(model::SourceCheck::On, v1::SOURCE_CHECK_ON) && same(model::SourceCheck::Off, v1::SOURCE_CHECK_OFF));
  EXPECT_TRUE(same(model::Lifetime::Own, v1::LIFETIME_OWN) &&
              same(model::Lifetime::WithWorkload, v1::LIFETIME_WITH_WORKLOAD));
  EXPECT_TRUE(same(model::WorkloadKind::Process, v1::WORKLOAD_KIND_PROCESS) &&
              same(model::WorkloadKind::Machine, v1::WORKLOAD_KIND_MACHINE) &&
              same(model::WorkloadKind::External, v1::WORKLOAD_KIND_EXTERNAL));
  EXPECT_TRUE(same(model::Restart::No, v1::RESTART_NO) && same(model::Restart::OnFailure, v1::RESTART_ON_FAILURE) &&
              same(model::Restart::Always, v1::RESTART_ALWAYS));
  EXPECT_TRUE(same(model::Wanted::Running, v1::WANTED_RUNNING) && same(model::Wanted::Stopped, v1::WANTED_STOPPED));
  EXPECT_TRUE(same(model::Keep::AfterExit, v1::KEEP_AFTER_EXIT) && same(model::Keep::UntilExit, v1::KEEP_UNTIL_EXIT));
  EXPECT_TRUE(same(model::Terminal::None, v1::TERMINAL_NONE) && same(model::Terminal::Given, v1::TERMINAL_GIVEN));
}

TEST(Schema, RefusesAnUnknownEnumValueByItsField) {
  v1::Group message;
  message.set_on_revoke(static_cast<v1::OnRevoke>(7));
  const auto group = read<model::Group>(message);
  ASSERT_FALSE(group.ok());
  EXPECT_EQ(group.error().field, "on_revoke");
}

TEST(Schema, RefusesANumberThatIsTooLarge) {
  v1::Publication message;
  message.set_port(70'000);
  const auto publication = read<model::Publication>(message);
  ASSERT_FALSE(publication.ok());
  EXPECT_EQ(publication.error().field, "port");
}

}  // namespace
}  // namespace weft::schema
