#include "diagnosis/event_log.h"

#include "base/text.h"
#include "diagnosis/json_line.h"

namespace weft::diagnosis {

using base::Code;

namespace {

// What a line may have at the most: each text cut, and each byte escaped.
constexpr size_t kMostLineBytes = 6 * 4 * kMostEventTextBytes;

void bound(api::Event& event) {
  for (std::string* text : {&event.kind, &event.id, &event.name, &event.what}) {
    text->resize(base::beginning(*text, kMostEventTextBytes).size());
  }
}

Result<std::string> text_field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return error(Code::Usage, "{}: no text", name);
  return found->get<std::string>();
}

}  // namespace

std::string json_line(const api::Event& event) {
  return to_line({{"time", exact_time(event.time)},
                  {"kind", event.kind},
                  {"id", event.id},
                  {"name", event.name},
                  {"what", event.what}});
}

Result<api::Event> parse_event(std::string_view line) {
  if (line.size() > kMostLineBytes)
    return error(Code::Limit, "an event's line is longer than {} bytes", kMostLineBytes);
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) return error(Code::Usage, "{} is not an event", base::printable(line));
  api::Event event;
  const std::string time = TRY(text_field(object, "time"));
  event.time = TRY(base::parse_time(time));
  event.kind = TRY(text_field(object, "kind"));
  event.id = TRY(text_field(object, "id"));
  event.name = TRY(text_field(object, "name"));
  event.what = TRY(text_field(object, "what"));
  bound(event);
  return event;
}

EventLog::EventLog(size_t most, std::unique_ptr<Lines> file)
    : ring_(std::make_shared<Ring<api::Event>>(most)), file_(std::move(file)) {}

void EventLog::restore(std::string_view lines) {
  for (const std::string_view line : base::split(lines, '\n')) {
    if (auto event = parse_event(line); event.ok()) ring_->push(*std::move(event));
  }
}

void EventLog::add(api::Event event) {
  bound(event);
  if (file_ != nullptr) {
    const auto appended = file_->append(json_line(event));
    problem_ = appended.ok() ? std::string() : appended.error().what;
  }
  ring_->push(std::move(event));
  ring_->wake();
}

std::unique_ptr<api::Stream<api::Event>> EventLog::read(const api::EventQuery& query) const {
  Reading<api::Event, api::Event> reading{
      .from = ring_->begin(),
      .follow = query.follow,
      .show = [](const api::Event& event) { return event; },
      .show_lost =
          [ring = ring_](uint64_t events) {
            return api::Event{.time = ring->at(ring->begin()).time,
                              .kind = "events.lost",
                              .what = fmt::format("{} events were gone before they could be shown", events)};
          }};
  const auto is_before = [&](uint64_t number) { return query.since && ring_->at(number).time < *query.since; };
  while (reading.from < ring_->end() && is_before(reading.from)) ++reading.from;
  return std::make_unique<RingStream<api::Event, api::Event>>(ring_, std::move(reading));
}

}  // namespace weft::diagnosis
