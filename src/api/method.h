// How a service writes down its methods: as plain functions of the typed request.
//
//   read   Result<Answer>(const Asked&, const Request&)
//   write  Result<Answer>(Draft&, const Request&); what was drafted is committed
//          Result<Answer>(Draft&, const Backend&, const Request&); if what goes on decides
//   stream Result<unique_ptr<Stream<Item>>>(const Asked&, const Request&)
#pragma once

#include <concepts>
#include <memory>

#include "api/change.h"
#include "api/command_problems.h"
#include "api/dispatch.h"

namespace weft::api {

// What a read may look at.
struct Asked {
  Backend& backend;
  const Caller& caller;
  // The agreed state for resolving names.
  Draft draft;
};

inline Surroundings surroundings_of(Dispatch& dispatch) {
  Backend& backend = dispatch.backend();
  return {.state = backend.state(),
          .machine = backend.identity().machine,
          .now = backend.now(),
          .rng = backend.rng(),
          .cursors = dispatch.cursors()};
}

template <class Request>
const Request& typed(const Message& request) {
  return static_cast<const Request&>(request);
}

template <class Answer>
Result<std::unique_ptr<Message>> as_message(Result<Answer> answer) {
  if (!answer.ok()) return std::move(answer).error();
  return std::unique_ptr<Message>(std::make_unique<Answer>(*std::move(answer)));
}

template <class Request, class Answer>
void add_read(Dispatch& dispatch, const std::string& name, Result<Answer> (*read)(const Asked&, const Request&)) {
  const auto run = [&dispatch, read](const Caller& caller, const Message& request, Done done) -> Pending {
    const Asked asked{dispatch.backend(), caller, Draft(surroundings_of(dispatch))};
    done(as_message(read(asked, typed<Request>(request))));
    return nullptr;
  };
  CHECK(dispatch.add(name, Request::default_instance(), Unary(run)).ok());
}

// Commits what was drafted, or tells what it would do; `answer` gets the rest of
// its fields and goes to `done`.
template <class Answer>
void finish(Dispatch& dispatch, const Caller& caller, const Draft& draft, bool dry_run, Answer answer, Done done) {
  for (const std::string& note : draft.notes()) answer.add_notes(note);
  model::Command command = draft.command(caller.actor);
  if (dry_run) {
    auto changes = dispatch.backend().rehearse(command);
    if (!changes.ok()) return done(std::move(changes).error());
    *answer.mutable_changes() = describe(*changes);
    answer.set_revision(dispatch.backend().revision());
    return done(as_message(Result<Answer>(std::move(answer))));
  }
  if (const std::string why = dispatch.backend().read_only(); !why.empty()) {
    return done(error(base::Code::Unavailable, "changes are refused: {}", why));
  }
  CommandProblems problems(dispatch.backend(), command);
  dispatch.backend().commit(std::move(command), [problems = std::move(problems), answer = std::move(answer),
                                                 done = std::move(done)](Result<uint64_t> revision) mutable {
    if (!revision.ok()) return done(std::move(revision).error());
    for (const std::string& note : problems.notes()) answer.add_notes(note);
    answer.set_revision(*revision);
    done(as_message(Result<Answer>(std::move(answer))));
  });
}

template <class Request, class Write>
void add_drafted(Dispatch& dispatch, const std::string& name, Write write) {
  const auto run = [&dispatch, write](const Caller& caller, const Message& request, Done done) -> Pending {
    Draft draft(surroundings_of(dispatch));
    auto answer = write(draft, typed<Request>(request));
    if (answer.ok()) {
      finish(dispatch, caller, draft, typed<Request>(request).dry_run(), *std::move(answer), std::move(done));
    } else {
      done(std::move(answer).error());
    }
    return nullptr;
  };
  CHECK(dispatch.add(name, Request::default_instance(), Unary(run), Effect::Write).ok());
}

template <class Request, class Answer>
void add_write(Dispatch& dispatch, const std::string& name,
               Result<Answer> (*write)(Draft&, const Backend&, const Request&)) {
  add_drafted<Request>(dispatch, name, [&backend = dispatch.backend(), write](Draft& draft, const Request& request) {
    return write(draft, backend, request);
  });
}

template <class Request, class Answer>
void add_write(Dispatch& dispatch, const std::string& name, Result<Answer> (*write)(Draft&, const Request&)) {
  add_drafted<Request>(dispatch, name, write);
}

// A call with more to it than reading or drafting.
template <class Request>
void add_call(Dispatch& dispatch, const std::string& name, Effect effect,
              Pending (*call)(Dispatch&, const Caller&, const Request&, Done)) {
  const auto run = [&dispatch, call](const Caller& caller, const Message& request, Done done) {
    return call(dispatch, caller, typed<Request>(request), std::move(done));
  };
  CHECK(dispatch.add(name, Request::default_instance(), Unary(run), effect).ok());
}

// A stream of a backend's items as the schema's.
template <class Item, class Out>
class ViewStream : public MessageStream {
 public:
  // Absent: the item isn't wanted.
  using View = std::function<std::optional<Out>(const Item&)>;
  ViewStream(std::unique_ptr<Stream<Item>> from, View view) : from_(std::move(from)), view_(std::move(view)) {}

  Result<std::vector<std::unique_ptr<Message>>> take(size_t most) override {
    std::vector<std::unique_ptr<Message>> out;
    while (out.empty()) {
      const auto items = TRY(from_->take(most));
      if (items.empty()) break;
      for (const Item& item : items) {
        if (auto shown = view_(item)) out.push_back(std::make_unique<Out>(*std::move(shown)));
      }
    }
    return out;
  }
  bool ended() const override { return from_->ended(); }
  void when_ready(std::function<void()> ready) override { from_->when_ready(std::move(ready)); }

 private:
  std::unique_ptr<Stream<Item>> from_;
  View view_;
};

template <class Request>
void add_stream(Dispatch& dispatch, const std::string& name,
                Result<std::unique_ptr<MessageStream>> (*open)(const Asked&, const Request&)) {
  const auto run = [&dispatch, open](const Caller& caller, const Message& request) {
    return open(Asked{dispatch.backend(), caller, Draft(surroundings_of(dispatch))}, typed<Request>(request));
  };
  CHECK(dispatch.add(name, Request::default_instance(), Streaming(run)).ok());
}

template <class Request>
void add_upgrade(Dispatch& dispatch, const std::string& name, Result<os::Fd> (*open)(const Asked&, const Request&)) {
  const auto run = [&dispatch, open](const Caller& caller, const Message& request) {
    return open(Asked{dispatch.backend(), caller, Draft(surroundings_of(dispatch))}, typed<Request>(request));
  };
  CHECK(dispatch.add(name, Request::default_instance(), Upgrading(run)).ok());
}

inline Result<v1::Created> created(const std::string& id, const std::string& name) {
  v1::Created answer;
  answer.set_id(id);
  answer.set_name(name);
  return answer;
}

}  // namespace weft::api
