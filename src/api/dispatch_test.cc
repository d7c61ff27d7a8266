#include "api/dispatch.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include "api/testing.h"
#include "weft/v1/access.pb.h"
#include "weft/v1/acl.pb.h"
#include "weft/v1/diagnosis.pb.h"
#include "weft/v1/file.pb.h"
#include "weft/v1/group.pb.h"
#include "weft/v1/route.pb.h"
#include "weft/v1/tni.pb.h"
#include "weft/v1/vpc.pb.h"
#include "weft/v1/workload.pb.h"

namespace weft::api {
namespace {

using base::Code;
namespace pb = google::protobuf;

std::vector<const pb::FileDescriptor*> service_files() {
  std::vector<const pb::FileDescriptor*> files;
  for (const auto* message :
       {v1::VpcItem::descriptor(), v1::RouteItem::descriptor(), v1::AclItem::descriptor(), v1::GroupItem::descriptor(),
        v1::TniItem::descriptor(), v1::WorkloadItem::descriptor(), v1::File::descriptor(), v1::Problem::descriptor()}) {
    files.push_back(message->file());
  }
  return files;
}

using DispatchTest = ApiTest;

TEST_F(DispatchTest, ServesExactlyTheSchemasMethodsEachWithAnAccessPolicy) {
  size_t count = 0;
  for (const auto* file : service_files()) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m, ++count) {
        const auto* method = file->service(s)->method(m);
        const std::string name = file->service(s)->name() + "/" + method->name();
        EXPECT_NE(method->options().GetExtension(v1::access), v1::ACCESS_UNSET) << name;
        const auto found = dispatch_->methods().find(name);
        ASSERT_NE(found, dispatch_->methods().end()) << name;
        EXPECT_EQ(static_cast<int>(found->second.access), method->options().GetExtension(v1::access)) << name;
      }
    }
  }
  EXPECT_EQ(dispatch_->methods().size(), count);
}

TEST_F(DispatchTest, ReadingIsForViewersAndNothingElse) {
  for (const auto& [name, method] : dispatch_->methods()) {
    const std::string verb = name.substr(name.find('/') + 1);
    const bool changes = verb != "List" && verb != "Get" && name.find("Diagnosis/") != 0 && verb != "Wait" &&
                         verb != "AwaitWanted" && verb != "UnitDropin";
    EXPECT_EQ(method.access > Role::Viewer, changes) << name;
  }
  // What amounts to being root on the machine.
  for (const char* name : {"Workloads/Run", "Workloads/Exec", "Workloads/Attach", "Files/Apply"}) {
    EXPECT_EQ(dispatch_->methods().at(name).access, Role::Admin) << name;
  }
}

TEST_F(DispatchTest, RefusesCallersByTheirRole) {
  EXPECT_EQ(refused("Vpcs/List", "{}", Role::None).code, Code::Denied);
  EXPECT_EQ(refused("Vpcs/Create", "{}", Role::Operator).code, Code::Denied);
  EXPECT_EQ(refused("Groups/Create", "{}", Role::Viewer).code, Code::Denied);
  EXPECT_TRUE(try_call("Vpcs/List", "{}", Role::Viewer).ok());
  EXPECT_EQ(refused("Vpcs/Destroy", "{}").code, Code::NotFound);
  // Who has no role doesn't learn which methods there are.
  EXPECT_EQ(refused("Vpcs/Destroy", "{}", Role::None).code, Code::Denied);
}

TEST_F(DispatchTest, DoesNotTakeAMethodWithoutAnAccessPolicy) {
  pb::DescriptorPool pool;
  pb::FileDescriptorProto file;
  file.set_name("bare.proto");
  file.set_package("weft.v1");
  file.add_message_type()->set_name("BareRequest");
  auto* service = file.add_service();
  service->set_name("Bare");
  auto* method = service->add_method();
  method->set_name("Do");
  method->set_input_type(".weft.v1.BareRequest");
  method->set_output_type(".weft.v1.BareRequest");
  const auto* built = pool.BuildFile(file);
  ASSERT_NE(built, nullptr);
  pb::DynamicMessageFactory factory;
  const pb::Message* request = factory.GetPrototype(built->message_type(0));
  const Unary run = [](const Caller&, const Message&, Done) { return nullptr; };
  const auto added = dispatch_->add("Bare/Do", *request, run);
  ASSERT_FALSE(added.ok());
  EXPECT_NE(added.error().what.find("no access policy"), std::string::npos) << added.error().what;
  EXPECT_FALSE(dispatch_->methods().contains("Bare/Do"));
}

TEST_F(DispatchTest, DoesNotTakeAMethodInAnotherForm) {
  const Unary run = [](const Caller&, const Message&, Done) { return nullptr; };
  EXPECT_FALSE(dispatch_->add("Diagnosis/Flows", v1::FlowsRequest::default_instance(), run).ok());
  EXPECT_FALSE(dispatch_->add("Workloads/Exec", v1::WorkloadExecRequest::default_instance(), run).ok());
  EXPECT_FALSE(dispatch_->add("Vpcs/List", v1::GetRequest::default_instance(), run).ok());
  EXPECT_FALSE(dispatch_->add("Vpcs/Unknown", v1::GetRequest::default_instance(), run).ok());
}

TEST_F(DispatchTest, RefusesChangesWhileReadOnlyButRehearses) {
  backend_.why_read_only = "the disk is full";
  const Error told = refused("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  EXPECT_EQ(told.code, Code::Unavailable);
  EXPECT_NE(told.what.find("the disk is full"), std::string::npos);
  EXPECT_TRUE(try_call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"],"dry_run":true})").ok());
}

}  // namespace
}  // namespace weft::api
