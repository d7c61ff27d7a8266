// VPC/NAME as the name of what is to be made.
#include "api/settle.h"
#include "base/text.h"

namespace weft::api {

using base::Code;
using base::printable;

namespace {

struct Parts {
  std::string vpc;  // empty: the name says none
  std::string name;
};

Result<Parts> parts_of(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return Parts{.vpc = {}, .name = text};
  if (slash == 0) {
    return Error{.code = Code::Usage, .what = fmt::format("{} names no VPC", printable(text)), .field = "name"};
  }
  return Parts{.vpc = text.substr(0, slash), .name = text.substr(slash + 1)};
}

Error contradicts(std::string_view field, const std::string& value, const std::string& name) {
  return Error{.code = Code::Usage,
               .what = fmt::format("{} contradicts the name {}", printable(value), printable(name)),
               .field = std::string(field)};
}

// One of them may be the id of what the other names.
bool are_same(const Draft& draft, const std::string& one, const std::string& other) {
  if (one == other) return true;
  const auto a = resolve_vpc(draft, one);
  const auto b = resolve_vpc(draft, other);
  return a.ok() && b.ok() && *a == *b;
}

template <class Spec>
Result<Placed<Spec>> place_in_vpc(const Draft& draft, const std::string& name, const Spec& spec) {
  const Parts parts = TRY(parts_of(name));
  Placed<Spec> placed{.name = parts.name, .spec = spec};
  if (name == parts.name) return placed;
  if (!spec.vpc().empty() && !are_same(draft, spec.vpc(), parts.vpc)) return contradicts("vpc", spec.vpc(), name);
  if (spec.vpc().empty()) placed.spec.set_vpc(parts.vpc);
  return placed;
}

}  // namespace

Result<Placed<v1::SubnetSpec>> place(const Draft& draft, const std::string& name, const v1::SubnetSpec& spec) {
  return place_in_vpc(draft, name, spec);
}

Result<Placed<v1::RouteTableSpec>> place(const Draft& draft, const std::string& name, const v1::RouteTableSpec& spec) {
  return place_in_vpc(draft, name, spec);
}

Result<Placed<v1::AclSpec>> place(const Draft& draft, const std::string& name, const v1::AclSpec& spec) {
  return place_in_vpc(draft, name, spec);
}

Result<Placed<v1::GroupSpec>> place(const Draft& draft, const std::string& name, const v1::GroupSpec& spec) {
  return place_in_vpc(draft, name, spec);
}

// An interface is in the VPC of its subnet.
Result<Placed<v1::TniSpec>> place(const Draft& draft, const std::string& name, const v1::TniSpec& spec) {
  const Parts parts = TRY(parts_of(name));
  Placed<v1::TniSpec> placed{.name = parts.name, .spec = spec};
  if (name == parts.name) return placed;
  const model::VpcId vpc = TRY(resolve_vpc(draft, parts.vpc).in_field("name"));
  const std::string text = spec.subnet().empty() ? fmt::format("{}/{}", parts.vpc, kDefaultName) : spec.subnet();
  const auto subnet = TRY(resolve_subnet(draft, text, {.vpc = vpc}).in_field("subnet"));
  if (draft.get(subnet).vpc != vpc) return contradicts("subnet", text, name);
  placed.spec.set_subnet(subnet.text);
  return placed;
}

}  // namespace weft::api
