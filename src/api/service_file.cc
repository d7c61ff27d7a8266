// Files.
#include "api/document.h"
#include "api/method.h"
#include "api/resolve.h"
#include "api/services.h"
#include "base/text.h"
#include "schema/yaml.h"

namespace weft::api {

namespace {

template <class Request>
Result<Draft> draft_of(Dispatch& dispatch, const Request& request) {
  Documents documents;
  for (const v1::File& file : request.files()) {
    std::string name = base::printable(file.name());
    name = name.substr(1, name.size() - 2);  // without the quotes
    TRY_VOID(parse_documents(name.empty() ? "(input)" : name, file.text(), documents));
  }
  Draft draft(surroundings_of(dispatch));
  TRY_VOID(apply(documents, draft));
  return draft;
}

Pending apply_files(Dispatch& dispatch, const Caller& caller, const v1::FilesApplyRequest& request, Done done) {
  const auto draft = draft_of(dispatch, request);
  if (!draft.ok()) {
    done(draft.error());
    return nullptr;
  }
  v1::FilesApplyAnswer answer;
  if (!request.dry_run()) {
    const auto changes = dispatch.backend().rehearse(draft->command(caller.actor));
    if (!changes.ok()) {
      done(changes.error());
      return nullptr;
    }
    *answer.mutable_changes() = describe(*changes);
  }
  finish(dispatch, caller, *draft, request.dry_run(), std::move(answer), std::move(done));
  return nullptr;
}

Pending plan_files(Dispatch& dispatch, const Caller& caller, const v1::FilesPlanRequest& request, Done done) {
  const auto draft = draft_of(dispatch, request);
  if (!draft.ok()) {
    done(draft.error());
    return nullptr;
  }
  const auto changes = dispatch.backend().rehearse(draft->command(caller.actor));
  if (!changes.ok()) {
    done(changes.error());
    return nullptr;
  }
  v1::FilesPlanAnswer answer;
  *answer.mutable_changes() = describe(*changes);
  for (const std::string& note : draft->notes()) answer.add_notes(note);
  done(as_message<v1::FilesPlanAnswer>(std::move(answer)));
  return nullptr;
}

Result<v1::FilesExportAnswer> export_files(const Asked& asked, const v1::FilesExportRequest& request) {
  model::VpcId vpc;
  if (!request.vpc().empty()) vpc = TRY(resolve_vpc(asked.draft, request.vpc()).in_field("vpc"));
  const auto documents = export_documents(asked.backend.state(), vpc);
  v1::FilesExportAnswer answer;
  if (request.format() == v1::FORMAT_JSON) {
    answer.set_text(schema::OrderedJson(documents).dump(2) + "\n");
    return answer;
  }
  for (const auto& document : documents) answer.mutable_text()->append(schema::to_yaml(document));
  return answer;
}

}  // namespace

void add_files(Dispatch& dispatch) {
  add_call(dispatch, "Files/Apply", Effect::Write, apply_files);
  add_call(dispatch, "Files/Plan", Effect::Write, plan_files);
  add_read(dispatch, "Files/Export", export_files);
}

}  // namespace weft::api
