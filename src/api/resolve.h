// From what users write to ids. An object is named by its id, by VPC/NAME, or by
// a bare NAME where that is unique; a name of the VPC at hand goes before others.
#pragma once

#include <string_view>

#include "api/draft.h"

namespace weft::api {

struct Scope {
  model::VpcId vpc;  // empty: no VPC is at hand
};

Result<model::VpcId> resolve_vpc(const Draft& draft, std::string_view text);
// The VPC of that name, or the default one if there is no text.
Result<model::VpcId> resolve_vpc_or_default(const Draft& draft, std::string_view text);
Result<model::SubnetId> resolve_subnet(const Draft& draft, std::string_view text, const Scope& scope = {});
Result<model::RouteTableId> resolve_table(const Draft& draft, std::string_view text, const Scope& scope = {});
Result<model::AclId> resolve_acl(const Draft& draft, std::string_view text, const Scope& scope = {});
Result<model::GroupId> resolve_group(const Draft& draft, std::string_view text, const Scope& scope = {});
Result<model::TniId> resolve_tni(const Draft& draft, std::string_view text, const Scope& scope = {});
Result<model::PrefixListId> resolve_prefix_list(const Draft& draft, std::string_view text);
Result<model::WorkloadId> resolve_workload(const Draft& draft, std::string_view text);
Result<model::RuleId> resolve_rule(const Draft& draft, std::string_view text);

// PREFIX, sg:NAME, pl:NAME or the id of either.
Result<model::Peer> resolve_peer(const Draft& draft, std::string_view text, const Scope& scope);

// PREFIX, pl:NAME or the list's id.
Result<model::Destination> resolve_destination(const Draft& draft, std::string_view text);
// igw, eigw, blackhole, tni:NAME or the TNI's id.
Result<model::RouteTarget> resolve_target(const Draft& draft, std::string_view text, const Scope& scope);

// An object of any kind; KIND:NAME where the name alone is not unique.
Result<model::AnyId> resolve_any(const Draft& draft, std::string_view text);

// The VPC, subnet and group that are meant where nothing is named.
inline constexpr std::string_view kDefaultName = "default";

}  // namespace weft::api
