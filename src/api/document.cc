#include "api/document.h"

#include <algorithm>
#include <span>

#include "api/later.h"
#include "api/settle.h"
#include "base/text.h"
#include "schema/yaml.h"

namespace weft::api {

using base::Code;
using base::printable;
using schema::Json;

namespace {

constexpr std::string_view kKinds = "vpc, pl, table, acl, subnet, sg, tni, workload";

Result<std::string> text_field(const Json& tree, const char* field) {
  const auto found = tree.find(field);
  if (found == tree.end() || found->is_null()) {
    return Error{.code = Code::Usage, .what = fmt::format("{} is missing", field), .field = field};
  }
  if (!found->is_string())
    return Error{.code = Code::Usage, .what = fmt::format("{} is not text", field), .field = field};
  return found->get<std::string>();
}

Error not_yet(std::string_view word, std::string field) {
  return Error{.code = Code::Usage, .what = fmt::format("{}: not in this version", word), .field = std::move(field)};
}

std::span<const std::string_view> later_fields(const v1::VpcSpec&) { return kLaterOfVpc; }
std::span<const std::string_view> later_fields(const v1::TniSpec&) { return kLaterOfTni; }
std::span<const std::string_view> later_fields(const v1::WorkloadSpec&) { return kLaterOfWorkload; }
std::span<const std::string_view> later_fields(const google::protobuf::Message&) { return {}; }

Result<> check_later(const Json& spec, std::span<const std::string_view> later) {
  if (!spec.is_object()) return {};
  for (const auto& [field, value] : spec.items()) {
    std::string flag = field;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (is_among(later, flag)) return not_yet(field, field);
  }
  return {};
}

template <class Spec>
Result<> add(const Json& tree, std::string where, std::string name, std::vector<Document<Spec>>& into) {
  Document<Spec> document{.where = std::move(where), .name = std::move(name), .spec = {}};
  const auto spec = tree.find("spec");
  if (spec != tree.end() && !spec->is_null()) {
    TRY_VOID(check_later(*spec, later_fields(document.spec)).in_field("spec"));
    TRY_VOID(schema::read_json(*spec, document.spec).in_field("spec"));
  }
  into.push_back(std::move(document));
  return {};
}

Result<> check_fields(const Json& tree) {
  if (!tree.is_object()) return error(Code::Usage, "a document is {{kind, name, spec}}");
  for (const auto& [field, value] : tree.items()) {
    if (field != "kind" && field != "name" && field != "spec") {
      return Error{.code = Code::Usage, .what = fmt::format("there is no field {}", printable(field)), .field = field};
    }
  }
  return {};
}

Result<> add_document(const std::string& file, const schema::YamlDocument& document, Documents& into) {
  const Json& tree = document.tree;
  const std::string place = fmt::format("{}:{}", file, document.line);
  TRY_VOID(check_fields(tree).within(place));
  const std::string kind = TRY(text_field(tree, "kind").within(place));
  const std::string name = TRY(text_field(tree, "name").within(place));
  const std::string where = fmt::format("{}: {} {}", place, kind, printable(name));
  const auto add_to = [&](auto& list) { return add(tree, where, name, list).within(where); };
  if (kind == "vpc") return add_to(into.vpcs);
  if (kind == "table") return add_to(into.tables);
  if (kind == "acl") return add_to(into.acls);
  if (kind == "subnet") return add_to(into.subnets);
  if (kind == "sg") return add_to(into.groups);
  if (kind == "pl") return add_to(into.prefix_lists);
  if (kind == "tni") return add_to(into.tnis);
  if (kind == "workload") return add_to(into.workloads);
  if (is_among(kLaterNouns, kind)) return not_yet(kind, "kind").within(place);
  return Error{.code = Code::Usage,
               .what = fmt::format("{}: {} is not one of {}", place, printable(kind), kKinds),
               .field = "kind"};
}

bool looks_like_json(std::string_view text) {
  const std::string_view rest = base::trim(text);
  return rest.starts_with('{') || rest.starts_with('[');
}

Result<std::vector<schema::YamlDocument>> parse_file(std::string_view text) {
  if (!looks_like_json(text)) return schema::parse_yaml(text);
  Json tree = TRY(schema::parse_json(text));
  std::vector<schema::YamlDocument> documents;
  if (!tree.is_array()) tree = Json::array({std::move(tree)});
  for (Json& document : tree) documents.push_back({.tree = std::move(document), .line = 1});
  return documents;
}

}  // namespace

Result<> parse_documents(const std::string& file, std::string_view text, Documents& into) {
  const auto documents = TRY(parse_file(text).within(file));
  for (const auto& document : documents) TRY_VOID(add_document(file, document, into));
  return {};
}

namespace {

// Drafts the documents kind by kind; an object is named by one of them only.
class Application {
 public:
  explicit Application(Draft& draft) : draft_(draft) {}

  Result<> operator()(const Document<v1::VpcSpec>& d) {
    return note(settle_vpc(draft_, d.name, d.spec, IfThere::Change));
  }
  Result<> tables(const Document<v1::VpcSpec>& d) {
    return settle_tables_of_vpc(draft_, TRY(resolve_vpc(draft_, d.name)), d.spec);
  }
  Result<> operator()(const Document<v1::RouteTableSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    return note(settle_table(draft_, placed.name, placed.spec));
  }
  Result<> routes(const Document<v1::RouteTableSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    const auto table = TRY(settle_table(draft_, placed.name, placed.spec));
    return settle_routes(draft_, table, placed.spec);
  }
  Result<> operator()(const Document<v1::AclSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    const auto acl = settle_acl(draft_, placed.name, placed.spec);
    TRY_VOID(note(acl));
    return settle_acl_rules(draft_, *acl, placed.spec);
  }
  Result<> operator()(const Document<v1::PrefixListSpec>& d) {
    return note(settle_prefix_list(draft_, d.name, d.spec, IfThere::Change));
  }
  Result<> operator()(const Document<v1::SubnetSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    return note(settle_subnet(draft_, placed.name, placed.spec, IfThere::Change));
  }
  Result<> operator()(const Document<v1::GroupSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    return note(settle_group(draft_, placed.name, placed.spec, IfThere::Change));
  }
  Result<> rules(const Document<v1::GroupSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    const auto vpc = TRY(resolve_vpc_or_default(draft_, placed.spec.vpc()));
    const auto group = TRY(resolve_group(draft_, placed.name, {.vpc = vpc}));
    return settle_rules(draft_, group, placed.spec);
  }
  Result<> operator()(const Document<v1::TniSpec>& d) {
    const auto placed = TRY(place(draft_, d.name, d.spec));
    return note(settle_tni(draft_, placed.name, placed.spec, IfThere::Change));
  }
  Result<> operator()(const Document<v1::WorkloadSpec>& d) {
    if (d.name.empty()) return Error{.code = Code::Usage, .what = "a workload in a file has a name", .field = "name"};
    return note(settle_workload(draft_, d.name, d.spec, model::Keep::AfterExit, IfThere::Change));
  }

 private:
  template <class Id>
  Result<> note(const Result<Id>& id) {
    if (!id.ok()) return id.error();
    if (seen_.insert(id->text).second) return {};
    return Error{.code = Code::Usage, .what = "it stands there twice", .field = "name"};
  }

  Draft& draft_;
  std::set<std::string> seen_;
};

// The error of a document names its place and the field in it.
template <class Spec, class Settle>
Result<> for_each(const std::vector<Document<Spec>>& documents, Settle settle) {
  for (const auto& document : documents) TRY_VOID(settle(document).in_field("spec").within(document.where));
  return {};
}

}  // namespace

Result<> apply(const Documents& documents, Draft& draft) {
  Application application(draft);
  const auto settle = [&](const auto& document) { return application(document); };
  TRY_VOID(for_each(documents.vpcs, settle));
  TRY_VOID(for_each(documents.prefix_lists, settle));
  TRY_VOID(for_each(documents.tables, settle));
  TRY_VOID(for_each(documents.acls, settle));
  TRY_VOID(for_each(documents.vpcs, [&](const auto& document) { return application.tables(document); }));
  TRY_VOID(for_each(documents.subnets, settle));
  TRY_VOID(for_each(documents.groups, settle));
  // Rules name groups that may stand further down.
  TRY_VOID(for_each(documents.groups, [&](const auto& document) { return application.rules(document); }));
  TRY_VOID(for_each(documents.tnis, settle));
  // Routes lead to interfaces.
  TRY_VOID(for_each(documents.tables, [&](const auto& document) { return application.routes(document); }));
  return for_each(documents.workloads, settle);
}

}  // namespace weft::api
