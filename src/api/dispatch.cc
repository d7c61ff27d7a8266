#include "api/dispatch.h"

#include <google/protobuf/descriptor.h>

#include "api/services.h"
#include "base/text.h"
#include "weft/v1/access.pb.h"

namespace weft::api {

using base::Code;
using base::printable;
using google::protobuf::MethodDescriptor;

namespace {

const MethodDescriptor* descriptor_of(const Message& request, std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return nullptr;
  return request.GetDescriptor()->file()->pool()->FindMethodByName(
      fmt::format("weft.v1.{}.{}", name.substr(0, slash), name.substr(slash + 1)));
}

Result<> check_form(const MethodDescriptor& method, const std::variant<Unary, Streaming, Upgrading>& run) {
  const bool upgrades = method.options().GetExtension(v1::upgrade);
  if (method.server_streaming() != std::holds_alternative<Streaming>(run) ||
      upgrades != std::holds_alternative<Upgrading>(run)) {
    return error(Code::Failed, "{} ends in another way than the schema says", method.full_name());
  }
  return {};
}

}  // namespace

Result<> Dispatch::add(const std::string& name, const Message& request, std::variant<Unary, Streaming, Upgrading> run,
                       Effect effect) {
  const MethodDescriptor* method = descriptor_of(request, name);
  if (method == nullptr) return error(Code::Failed, "{} is not in the schema", name);
  if (method->input_type() != request.GetDescriptor()) {
    return error(Code::Failed, "{} has another request in the schema", name);
  }
  const auto access = method->options().GetExtension(v1::access);
  if (access == v1::ACCESS_UNSET) return error(Code::Failed, "{} has no access policy", name);
  TRY_VOID(check_form(*method, run));
  methods_[name] =
      Method{.access = static_cast<Role>(access), .effect = effect, .request = &request, .run = std::move(run)};
  return {};
}

Result<const Method*> Dispatch::find(std::string_view name, const Caller& caller) const {
  if (caller.role == Role::None) {
    return error(Code::Denied, "{} has no role here; root and members of the group weft have", caller.actor);
  }
  const auto found = methods_.find(name);
  if (found == methods_.end()) return error(Code::NotFound, "there is no method {}", printable(name));
  if (caller.role < found->second.access) {
    return error(Code::Denied, "{} is for the role {}; {} has the role {}", name, name_of(found->second.access),
                 caller.actor, name_of(caller.role));
  }
  return &found->second;
}

std::unique_ptr<Dispatch> make_dispatch(Backend& backend) {
  auto dispatch = std::make_unique<Dispatch>(backend);
  add_networks(*dispatch);
  add_borders(*dispatch);
  add_groups(*dispatch);
  add_tnis(*dispatch);
  add_workloads(*dispatch);
  add_files(*dispatch);
  add_diagnosis(*dispatch);
  return dispatch;
}

}  // namespace weft::api
