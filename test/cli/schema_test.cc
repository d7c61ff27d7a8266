// Every row of the table of commands against the schema: the method is there,
// every field that is sent is one of its request's and of a fitting type, and
// every column is a field of its answer.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/value.h"
#include "schema/json.h"
#include "weft/v1/acl.pb.h"
#include "weft/v1/diagnosis.pb.h"
#include "weft/v1/file.pb.h"
#include "weft/v1/group.pb.h"
#include "weft/v1/route.pb.h"
#include "weft/v1/tni.pb.h"
#include "weft/v1/vpc.pb.h"
#include "weft/v1/workload.pb.h"

namespace weft::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;

const MethodDescriptor* find_method(std::string_view name) {
  static const std::set<const google::protobuf::FileDescriptor*> files = {
      v1::VpcItem::descriptor()->file(),   v1::RouteItem::descriptor()->file(), v1::AclItem::descriptor()->file(),
      v1::GroupItem::descriptor()->file(), v1::TniItem::descriptor()->file(),   v1::WorkloadItem::descriptor()->file(),
      v1::File::descriptor()->file(),      v1::Event::descriptor()->file()};
  const size_t slash = name.find('/');
  for (const auto* file : files) {
    const auto* service = file->FindServiceByName(std::string(name.substr(0, slash)));
    if (service) return service->FindMethodByName(std::string(name.substr(slash + 1)));
  }
  return nullptr;
}

const FieldDescriptor* find_field(const Descriptor* message, std::string_view path) {
  const FieldDescriptor* field = nullptr;
  for (const auto name : base::split(path, '.')) {
    if (!message) return nullptr;
    field = message->FindFieldByName(std::string(name));
    if (!field) return nullptr;
    message = field->message_type();
  }
  return field;
}

bool has_value(const FieldDescriptor& field, std::string_view name) {
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    if (schema::value_name(*field.enum_type()->value(i)) == name) return true;
  }
  return false;
}

void expect_values(const FieldDescriptor& field, std::string_view choices) {
  if (!field.enum_type()) {
    EXPECT_EQ(field.type(), FieldDescriptor::TYPE_STRING) << field.full_name();
    return;
  }
  for (const auto choice : alternatives(choices))
    EXPECT_TRUE(has_value(field, choice)) << field.full_name() << " " << choice;
}

void expect_kind(const FieldDescriptor& field, Kind kind, std::string_view choices, std::string_view sends) {
  switch (kind) {
    case Kind::Switch:
      if (!sends.empty()) return expect_values(field, sends);
      EXPECT_EQ(field.type(), FieldDescriptor::TYPE_BOOL) << field.full_name();
      return;
    case Kind::Choice: return expect_values(field, choices);
    case Kind::Number:
    case Kind::Seconds:
      EXPECT_TRUE(field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
                  field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64)
          << field.full_name();
      return;
    default: EXPECT_EQ(field.type(), FieldDescriptor::TYPE_STRING) << field.full_name();
  }
}

TEST(CliSchema, EveryMethodIsThere) {
  for (const Command& command : commands()) {
    EXPECT_TRUE(command.method.empty() || find_method(command.method) != nullptr) << command.name;
  }
  for (const char* further : {"Workloads/Attach", "Workloads/Wait"})
    EXPECT_NE(find_method(further), nullptr) << further;
}

TEST(CliSchema, EveryFieldThatIsSentFits) {
  for (const Command& command : commands()) {
    if (command.method.empty()) continue;
    const Descriptor* request = find_method(command.method)->input_type();
    for (const Argument& argument : command.arguments) {
      if (argument.field == "-") continue;
      const auto* field = find_field(request, argument.field);
      ASSERT_NE(field, nullptr) << command.name << " " << argument.field;
      EXPECT_EQ(field->is_repeated(), argument.count == Count::Many) << field->full_name();
      expect_kind(*field, argument.kind, argument.choices, "");
    }
    for (const auto* flags : {&command.flags, &global_flags()}) {
      for (const Flag& flag : *flags) {
        if (flag.field == "-" || (flags == &global_flags() && !applies(flag, command))) continue;
        const auto* field = find_field(request, field_of(flag));
        ASSERT_NE(field, nullptr) << command.name << " --" << flag.name;
        EXPECT_EQ(field->is_repeated(), flag.count == Count::Many) << field->full_name();
        expect_kind(*field, flag.kind, flag.choices, flag.sends);
      }
    }
  }
}

void expect_columns(const Command& command, const Descriptor* item, const std::vector<Column>& columns) {
  for (const Column& column : columns)
    EXPECT_NE(find_field(item, column.path), nullptr) << command.name << " " << column.path;
}

TEST(CliSchema, EveryColumnIsAFieldOfTheAnswer) {
  for (const Command& command : commands()) {
    if (command.method.empty()) continue;
    const Descriptor* answer = find_method(command.method)->output_type();
    if (command.answer == Answer::List) {
      const auto* items = find_field(answer, "items");
      ASSERT_NE(items, nullptr) << command.name;
      expect_columns(command, items->message_type(), command.columns);
    }
    for (const Section& section : command.sections) {
      const auto* list = find_field(answer, section.path);
      ASSERT_NE(list, nullptr) << command.name << " " << section.path;
      expect_columns(command, list->message_type(), section.columns);
    }
    if (command.answer == Answer::Id) {
      EXPECT_NE(find_field(answer, "id"), nullptr) << command.name;
    }
    if (command.answer == Answer::Text) {
      EXPECT_NE(find_field(answer, "text"), nullptr) << command.name;
    }
    if (command.effect != Effect::Read) {
      EXPECT_NE(find_field(answer, "changes"), nullptr) << command.name;
    }
    EXPECT_EQ(find_method(command.method)->server_streaming(),
              command.answer == Answer::Logs || command.answer == Answer::Flows || command.answer == Answer::Events);
  }
}

// What the code of single commands reads and sends.
TEST(CliSchema, WhatSingleCommandsUse) {
  const std::vector<std::pair<const Descriptor*, std::vector<const char*>>> uses = {
      {v1::WorkloadRunRequest::descriptor(), {"attach", "tty", "env"}},
      {v1::WorkloadExecRequest::descriptor(), {"tty", "env", "rows", "columns"}},
      {v1::WorkloadWaitAnswer::descriptor(), {"exit_code", "reason", "oom"}},
      {v1::WorkloadStatus::descriptor(), {"state", "started", "ended", "exit_code", "reason"}},
      {v1::LogLine::descriptor(), {"time", "stream", "text"}},
      {v1::FlowRecord::descriptor(),
       {"time", "verdict", "reason", "rule", "tni", "tni_name", "direction", "protocol", "source", "source_port",
        "target", "target_port"}},
      {v1::Event::descriptor(), {"time", "kind", "id", "name", "what"}},
      {v1::TraceRequest::descriptor(), {"target", "port"}},
      {v1::TraceAnswer::descriptor(), {"verdict", "reason", "rule", "live", "live_reason", "steps"}},
      {v1::TraceStep::descriptor(), {"verdict", "step", "what", "rule"}},
      {v1::StatusAnswer::descriptor(), {"ok", "problems"}},
      {v1::Problem::descriptor(), {"id", "name", "what", "since"}},
      {v1::DoctorAnswer::descriptor(), {"ok", "checks"}},
      {v1::DoctorCheck::descriptor(), {"check", "health", "what", "advice"}},
      {v1::ExplainAnswer::descriptor(), {"kind", "id", "name", "links", "holds", "problems"}},
      {v1::ExplainLink::descriptor(), {"relation", "kind", "id", "name"}},
      {v1::VersionAnswer::descriptor(), {"version"}},
      {v1::Change::descriptor(), {"action", "kind", "id", "name", "fields"}},
      {v1::FieldChange::descriptor(), {"field", "before", "after"}},
      {v1::Created::descriptor(), {"id", "name", "notes", "changes"}},
      {v1::FilesApplyRequest::descriptor(), {"files", "dry_run"}},
      {v1::FilesPlanRequest::descriptor(), {"files"}},
      {v1::File::descriptor(), {"name", "text"}},
      {v1::FilesExportRequest::descriptor(), {"format"}},
      {v1::FilesExportAnswer::descriptor(), {"text"}},
      {v1::TniUnitDropinAnswer::descriptor(), {"path", "text"}},
  };
  for (const auto& [message, fields] : uses) {
    for (const char* field : fields)
      EXPECT_NE(find_field(message, field), nullptr) << message->full_name() << "." << field;
  }
  EXPECT_TRUE(has_value(*find_field(v1::TraceAnswer::descriptor(), "verdict"), "allow"));
  EXPECT_TRUE(has_value(*find_field(v1::FilesExportRequest::descriptor(), "format"), "yaml"));
  EXPECT_TRUE(has_value(*find_field(v1::Change::descriptor(), "action"), "create"));
  EXPECT_TRUE(has_value(*find_field(v1::Change::descriptor(), "action"), "remove"));
}

}  // namespace
}  // namespace weft::cli
