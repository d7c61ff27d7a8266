// The dispatch table: every method of the schema's services, who may call it and
// what it does. Both the HTTP front and tests call through it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "api/backend.h"
#include "api/caller.h"
#include "api/draft.h"
#include "schema/json.h"

namespace weft::api {

using Message = google::protobuf::Message;
using MessageStream = Stream<std::unique_ptr<Message>>;
using Done = std::function<void(Result<std::unique_ptr<Message>>)>;

// How a call ends: with one answer, now or later; with a stream of them; or with
// a connection that carries something else from then on.
// What a call that answers later hands back keeps it going: dropped, it is
// cancelled and never answers. Nothing: it can't be cancelled, or has answered.
using Pending = std::shared_ptr<void>;
using Unary = std::function<Pending(const Caller&, const Message& request, Done)>;
using Streaming = std::function<Result<std::unique_ptr<MessageStream>>(const Caller&, const Message& request)>;
using Upgrading = std::function<Result<os::Fd>(const Caller&, const Message& request)>;

enum class Effect {
  Read,   // asks what is agreed, or what goes on
  Write,  // changes what is agreed, or says what a change would do
};

struct Method {
  Role access = Role::None;
  Effect effect = Effect::Read;
  const Message* request = nullptr;  // the prototype
  std::variant<Unary, Streaming, Upgrading> run;
};

class Dispatch {
 public:
  explicit Dispatch(Backend& backend) : backend_(backend) {}
  Dispatch(const Dispatch&) = delete;

  Backend& backend() { return backend_; }

  // Takes the method up. It must be in the schema with this request, in this form
  // (stream, upgrade), and carry an access policy; else it is refused.
  Result<> add(const std::string& name, const Message& request, std::variant<Unary, Streaming, Upgrading> run,
               Effect effect = Effect::Read);

  // "Vpcs/Create" for a caller: NotFound, or Denied.
  Result<const Method*> find(std::string_view name, const Caller& caller) const;

  const std::map<std::string, Method, std::less<>>& methods() const { return methods_; }
  AddressCursors& cursors() { return cursors_; }

 private:
  Backend& backend_;
  AddressCursors cursors_;
  std::map<std::string, Method, std::less<>> methods_;
};

// With every method of the schema.
std::unique_ptr<Dispatch> make_dispatch(Backend& backend);

}  // namespace weft::api
