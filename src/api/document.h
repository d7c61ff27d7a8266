// Files as documents: {kind, name, spec}, in YAML or JSON.
#pragma once

#include <string>
#include <vector>

#include "api/draft.h"
#include "schema/json.h"
#include "weft/v1/file.pb.h"

namespace weft::api {

template <class Spec>
struct Document {
  std::string where;  // "two-tier.yaml:12: subnet app", for messages
  std::string name;
  Spec spec;
};

struct Documents {
  std::vector<Document<v1::VpcSpec>> vpcs;
  std::vector<Document<v1::RouteTableSpec>> tables;
  std::vector<Document<v1::AclSpec>> acls;
  std::vector<Document<v1::SubnetSpec>> subnets;
  std::vector<Document<v1::GroupSpec>> groups;
  std::vector<Document<v1::PrefixListSpec>> prefix_lists;
  std::vector<Document<v1::TniSpec>> tnis;
  std::vector<Document<v1::WorkloadSpec>> workloads;
};

// Adds those of one file. A kind and name that stands there twice is refused.
Result<> parse_documents(const std::string& file, std::string_view text, Documents& into);

// Drafts what they say, each kind after those that it refers to.
Result<> apply(const Documents& documents, Draft& draft);

// The documents that make this state again: those of one VPC, or of all if it is
// empty. The machine itself and what goes when it ends (`--rm`) are left out.
std::vector<schema::OrderedJson> export_documents(const model::State& state, const model::VpcId& vpc);

}  // namespace weft::api
