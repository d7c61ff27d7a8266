#include "feed/follower.h"

#include <set>

#include "schema/command.h"

namespace weft::feed {

using base::Code;
using News = Follower::News;

namespace {

const model::Object* find_in(const std::map<model::AnyId, model::Object>& objects, const model::AnyId& id) {
  const auto found = objects.find(id);
  return found == objects.end() ? nullptr : &found->second;
}

std::map<model::AnyId, model::Object> by_id(std::vector<model::Object> objects) {
  std::map<model::AnyId, model::Object> out;
  for (model::Object& object : objects) {
    model::AnyId id = model::id_of(object);
    out.emplace(std::move(id), std::move(object));
  }
  return out;
}

}  // namespace

Hello Follower::hello() {
  phase_ = Phase::Greeting;
  collected_.clear();
  return {.cluster = cluster_, .revision = revision_};
}

Result<std::optional<News>> Follower::take(const ToData& message) {
  return std::visit([this](const auto& one) { return take_one(one); }, message);
}

Result<std::optional<News>> Follower::take_one(const Welcome& welcome) {
  if (phase_ != Phase::Greeting) return error(Code::Usage, "a second welcome");
  machine_ = welcome.machine;
  welcome_ = welcome;
  missing_ = welcome.parts;
  phase_ = Phase::Collecting;
  if (missing_ != 0) return std::optional<News>();
  if (welcome.cluster != cluster_ || welcome.revision != revision_) {
    return error(Code::Usage, "revision {} of cluster {} isn't what is here", welcome.revision, welcome.cluster);
  }
  phase_ = Phase::Following;
  return std::optional<News>();
}

Result<std::optional<News>> Follower::take_one(const Part& part) {
  if (phase_ != Phase::Collecting) return error(Code::Usage, "a part of no snapshot");
  auto objects = TRY(schema::parse_objects(part.objects).within("snapshot"));
  std::move(objects.begin(), objects.end(), std::back_inserter(collected_));
  if (--missing_ != 0) return std::optional<News>();
  return std::optional(replace_state());
}

News Follower::replace_state() {
  model::State state = model::State::of(std::exchange(collected_, {}));
  News news{.changes = difference(state_, state), .attached = {}};
  state_ = std::move(state);
  cluster_ = welcome_.cluster;
  revision_ = welcome_.revision;
  phase_ = Phase::Following;
  return news;
}

Result<std::optional<News>> Follower::take_one(const Entry& entry) {
  if (phase_ != Phase::Following) return error(Code::Usage, "an entry before the state that it changes");
  if (entry.revision != revision_ + 1) {
    return error(Code::Usage, "revision {} doesn't follow {}", entry.revision, revision_);
  }
  auto changes = [&]() -> Result<model::Changes> {
    const model::Command command = TRY(schema::parse_command(entry.command));
    return state_.replay(command);
  }();
  if (!changes.ok()) {
    cluster_.clear();  // what is here isn't what is agreed: the next connection brings all of it
    return std::move(changes).error().within(fmt::format("revision {}", entry.revision));
  }
  revision_ = entry.revision;
  return std::optional(News{.changes = *std::move(changes), .attached = entry.attached});
}

Result<std::optional<News>> Follower::take_one(const Pulse& pulse) {
  if (phase_ == Phase::Greeting) return error(Code::Usage, "a pulse before the welcome");
  read_only_ = pulse.read_only;
  return std::optional<News>();
}

model::Changes difference(const model::State& from, const model::State& to) {
  auto before = by_id(from.objects());
  std::vector<model::Object> after = to.objects();
  std::set<model::AnyId> stay;
  for (const model::Object& object : after) stay.insert(model::id_of(object));
  model::Changes changes;
  for (auto& [id, object] : before) {
    if (!stay.contains(id)) changes.push_back({.before = std::move(object), .after = {}});
  }
  // In the order in which they can be put.
  for (model::Object& object : after) {
    const model::Object* was = find_in(before, model::id_of(object));
    if (was == nullptr) {
      changes.push_back({.before = {}, .after = std::move(object)});
    } else if (!(*was == object)) {
      changes.push_back({.before = *was, .after = std::move(object)});
    }
  }
  return changes;
}

}  // namespace weft::feed
