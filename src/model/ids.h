// The kinds of objects and their identifiers.
#pragma once

#include "base/id.h"

namespace weft::model {

struct MachineTag {
  static constexpr const char* kPrefix = "m";
};
struct VpcTag {
  static constexpr const char* kPrefix = "vpc";
};
struct SubnetTag {
  static constexpr const char* kPrefix = "subnet";
};
struct BlockTag {
  static constexpr const char* kPrefix = "block";
};
struct RouteTableTag {
  static constexpr const char* kPrefix = "rtb";
};
struct RouteTag {
  static constexpr const char* kPrefix = "route";
};
struct AclTag {
  static constexpr const char* kPrefix = "acl";
};
struct AclRuleTag {
  static constexpr const char* kPrefix = "aclr";
};
struct GroupTag {
  static constexpr const char* kPrefix = "sg";
};
struct RuleTag {
  static constexpr const char* kPrefix = "sgr";
};
struct PrefixListTag {
  static constexpr const char* kPrefix = "pl";
};
struct TniTag {
  static constexpr const char* kPrefix = "tni";
};
struct WorkloadTag {
  static constexpr const char* kPrefix = "w";
};

using MachineId = base::Id<MachineTag>;
using VpcId = base::Id<VpcTag>;
using SubnetId = base::Id<SubnetTag>;
using BlockId = base::Id<BlockTag>;
using RouteTableId = base::Id<RouteTableTag>;
using RouteId = base::Id<RouteTag>;
using AclId = base::Id<AclTag>;
using AclRuleId = base::Id<AclRuleTag>;
using GroupId = base::Id<GroupTag>;
using RuleId = base::Id<RuleTag>;
using PrefixListId = base::Id<PrefixListTag>;
using TniId = base::Id<TniTag>;
using WorkloadId = base::Id<WorkloadTag>;

}  // namespace weft::model
