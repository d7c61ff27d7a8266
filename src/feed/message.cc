#include "feed/message.h"

#include <google/protobuf/stubs/logging.h>

#include "schema/text.h"
#include "weft/v1/feed.pb.h"

namespace weft::feed {

using base::Code;

namespace {

constexpr size_t kHeaderBytes = 4;

template <class Message>
Result<Message> parse(std::string_view bytes, size_t largest) {
  if (bytes.size() > largest) return error(Code::Limit, "a message of {} bytes", bytes.size());
  const google::protobuf::LogSilencer the_answer_says_it;
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return error(Code::Usage, "the bytes are no message of the feed");
  }
  return message;
}

template <class Id>
Result<Id> parse_id(const std::string& text) {
  Id id;
  TRY_VOID(schema::parse_text(text, id));
  return id;
}

Result<> check_version(uint32_t version) {
  if (version == kVersion) return {};
  return error(Code::Unavailable, "the other plane speaks version {} of the feed, this one {}: upgrade both", version,
               kVersion);
}

Result<ToData> read(const v1::FeedWelcome& from) {
  TRY_VOID(check_version(from.version()));
  if (from.parts() > kMostParts) return error(Code::Limit, "a snapshot of {} parts", from.parts());
  if (from.cluster().empty()) return error(Code::Usage, "a welcome without a cluster");
  return ToData(Welcome{.cluster = from.cluster(),
                        .machine = TRY(parse_id<model::MachineId>(from.machine())),
                        .revision = from.revision(),
                        .parts = from.parts()});
}

Result<ToData> read(const v1::FeedEntry& from) {
  Entry entry{.revision = from.revision(), .command = from.command(), .attached = {}};
  for (const std::string& id : from.attached()) entry.attached.push_back(TRY(parse_id<model::WorkloadId>(id)));
  return ToData(std::move(entry));
}

Result<ToControl> read(const v1::FeedHello& from) {
  TRY_VOID(check_version(from.version()));
  return ToControl(Hello{.cluster = from.cluster(), .revision = from.revision()});
}

Result<ToControl> read(const v1::FeedEnforced& from) {
  if (static_cast<size_t>(from.problems_size()) > kMostProblems) {
    return error(Code::Limit, "an acknowledgement with {} problems", from.problems_size());
  }
  Enforced enforced{.revision = from.revision(), .problems = {}};
  for (const v1::FeedProblem& problem : from.problems()) {
    enforced.problems.push_back({.id = problem.id(), .what = problem.what(), .since = {problem.since()}});
  }
  return ToControl(std::move(enforced));
}

Result<ToControl> read(const v1::FeedRun& from) {
  Run run{.workload = TRY(parse_id<model::WorkloadId>(from.workload())), .state = {}};
  if (!from.has_state()) return ToControl(std::move(run));
  if (!v1::WorkloadState_IsValid(from.state()))
    return error(Code::Usage, "no state {}", static_cast<int>(from.state()));
  run.state = static_cast<api::RunState>(from.state());
  return ToControl(std::move(run));
}

void write(const Welcome& welcome, v1::ToData& into) {
  v1::FeedWelcome& out = *into.mutable_welcome();
  out.set_version(kVersion);
  out.set_cluster(welcome.cluster);
  out.set_machine(welcome.machine.text);
  out.set_revision(welcome.revision);
  out.set_parts(welcome.parts);
}
void write(const Part& part, v1::ToData& into) { into.mutable_part()->set_objects(part.objects); }
void write(const Entry& entry, v1::ToData& into) {
  v1::FeedEntry& out = *into.mutable_entry();
  out.set_revision(entry.revision);
  out.set_command(entry.command);
  for (const model::WorkloadId& id : entry.attached) out.add_attached(id.text);
}
void write(const Pulse& pulse, v1::ToData& into) { into.mutable_pulse()->set_read_only(pulse.read_only); }

void write(const Hello& hello, v1::ToControl& into) {
  v1::FeedHello& out = *into.mutable_hello();
  out.set_version(kVersion);
  out.set_cluster(hello.cluster);
  out.set_revision(hello.revision);
}
void write(const Enforced& enforced, v1::ToControl& into) {
  v1::FeedEnforced& out = *into.mutable_enforced();
  out.set_revision(enforced.revision);
  for (const api::Problem& problem : enforced.problems) {
    v1::FeedProblem& one = *out.add_problems();
    one.set_id(problem.id);
    one.set_what(problem.what);
    one.set_since(problem.since.ns);
  }
}
void write(const Run& run, v1::ToControl& into) {
  v1::FeedRun& out = *into.mutable_run();
  out.set_workload(run.workload.text);
  if (run.state) out.set_state(static_cast<v1::WorkloadState>(*run.state));
}
void write(const Ended& ended, v1::ToControl& into) { into.mutable_ended()->set_workload(ended.workload.text); }

template <class Message, class Values>
std::string serialize(const Values& values) {
  Message message;
  std::visit([&](const auto& value) { write(value, message); }, values);
  return message.SerializeAsString();
}

}  // namespace

std::string encode(const ToData& message) { return serialize<v1::ToData>(message); }
std::string encode(const ToControl& message) { return serialize<v1::ToControl>(message); }

Result<ToData> parse_to_data(std::string_view bytes) {
  const auto message = TRY(parse<v1::ToData>(bytes, kLargestToData));
  switch (message.message_case()) {
    case v1::ToData::kWelcome: return read(message.welcome());
    case v1::ToData::kPart: return ToData(Part{.objects = message.part().objects()});
    case v1::ToData::kEntry: return read(message.entry());
    case v1::ToData::kPulse: return ToData(Pulse{.read_only = message.pulse().read_only()});
    case v1::ToData::MESSAGE_NOT_SET: break;
  }
  return error(Code::Usage, "a message of no known kind");
}

Result<ToControl> parse_to_control(std::string_view bytes) {
  const auto message = TRY(parse<v1::ToControl>(bytes, kLargestToControl));
  switch (message.message_case()) {
    case v1::ToControl::kHello: return read(message.hello());
    case v1::ToControl::kEnforced: return read(message.enforced());
    case v1::ToControl::kRun: return read(message.run());
    case v1::ToControl::kEnded:
      return ToControl(Ended{.workload = TRY(parse_id<model::WorkloadId>(message.ended().workload()))});
    case v1::ToControl::MESSAGE_NOT_SET: break;
  }
  return error(Code::Usage, "a message of no known kind");
}

std::string frame(std::string_view message) {
  std::string out;
  out.reserve(kHeaderBytes + message.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((message.size() >> shift) & 0xff);
  out += message;
  return out;
}

void FrameReader::feed(std::string_view bytes) {
  buffer_.erase(0, start_);
  start_ = 0;
  buffer_ += bytes;
}

Result<std::optional<std::string>> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (rest.size() < kHeaderBytes) return std::optional<std::string>();
  size_t length = 0;
  for (size_t i = 0; i < kHeaderBytes; ++i) length |= size_t{static_cast<unsigned char>(rest[i])} << (8 * i);
  if (length > largest_) return error(Code::Limit, "a frame of {} bytes", length);
  if (rest.size() < kHeaderBytes + length) return std::optional<std::string>();
  start_ += kHeaderBytes + length;
  return std::optional(std::string(rest.substr(kHeaderBytes, length)));
}

}  // namespace weft::feed
