#include "feed/source.h"

#include "schema/command.h"

namespace weft::feed {

using base::Code;

namespace {

// Messages whose fields are repeated may be written one behind the other.
std::vector<ToData> parts_of(const std::vector<model::Object>& objects) {
  std::vector<ToData> parts;
  std::string bytes;
  for (const model::Object& object : objects) {
    bytes += schema::encode(std::vector{object});
    if (bytes.size() < kPartBytes) continue;
    parts.emplace_back(Part{.objects = std::exchange(bytes, {})});
  }
  if (!bytes.empty() || parts.empty()) parts.emplace_back(Part{.objects = std::move(bytes)});
  return parts;
}

}  // namespace

Result<std::vector<ToData>> Source::take(const ToControl& message) {
  if (const auto* hello = std::get_if<Hello>(&message)) return greet(*hello);
  if (phase_ == Phase::Greeting) return error(Code::Usage, "no hello at the beginning");
  if (const auto* enforced = std::get_if<Enforced>(&message)) {
    if (enforced->revision < enforced_ || enforced->revision > sent_) {
      return error(Code::Usage, "revision {} can't be enforced: {} was, {} was sent", enforced->revision, enforced_,
                   sent_);
    }
    enforced_ = enforced->revision;
  }
  return std::vector<ToData>();
}

Result<std::vector<ToData>> Source::greet(const Hello& hello) {
  if (phase_ != Phase::Greeting) return error(Code::Usage, "a second hello");
  phase_ = Phase::Following;
  sent_ = log_.revision();
  return welcome(hello);
}

std::vector<ToData> Source::welcome(const Hello& hello) const {
  Welcome welcome{.cluster = log_.cluster(), .machine = log_.machine(), .revision = hello.revision, .parts = 0};
  if (hello.cluster == log_.cluster() && hello.revision <= sent_) {
    if (auto entries = log_.entries_behind(hello.revision, kMostEntries)) {
      std::vector<ToData> out{welcome};
      for (store::Entry& entry : *entries) {
        out.emplace_back(Entry{.revision = entry.revision, .command = std::move(entry.bytes), .attached = {}});
      }
      return out;
    }
  }
  std::vector<ToData> parts = parts_of(log_.objects());
  welcome.revision = sent_;
  welcome.parts = static_cast<uint32_t>(parts.size());
  parts.insert(parts.begin(), welcome);
  return parts;
}

std::optional<ToData> Source::next(Entry entry) {
  if (phase_ == Phase::Greeting) return std::nullopt;
  sent_ = entry.revision;
  return ToData(std::move(entry));
}

}  // namespace weft::feed
