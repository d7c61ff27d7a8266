#include "workload/spec.h"

#include <array>

#include "base/text.h"

namespace weft::workload {

using base::Code;
using std::chrono::milliseconds;

namespace {

constexpr std::array<std::string_view, 3> kPolicies = {"no", "on-failure", "always"};
constexpr uint64_t kMostMemory = uint64_t{1} << 50;
constexpr uint64_t kMostMillis = 365ull * 86'400'000;
constexpr int kMostSignal = 64;  // SIGRTMAX

using Read = Result<> (*)(Spec&, const std::string&);
struct Field {
  std::string_view key;
  Read read;
};

Result<> read_number(std::string_view text, uint64_t low, uint64_t high, uint64_t& value) {
  value = TRY(base::parse_number(text, low, high));
  return {};
}

Result<> read_limit(std::string_view text, uint64_t low, uint64_t high, std::optional<uint64_t>& value) {
  value = TRY(base::parse_number(text, low, high));
  return {};
}

Result<> read_millis(std::string_view text, base::Duration& value) {
  value = milliseconds(TRY(base::parse_number(text, 0, kMostMillis)));
  return {};
}

Result<> read_policy(std::string_view text, RestartPolicy& value) {
  for (size_t i = 0; i < kPolicies.size(); ++i) {
    if (text != kPolicies[i]) continue;
    value = static_cast<RestartPolicy>(i);
    return {};
  }
  return error(Code::Usage, "{} is not no, on-failure or always", base::printable(text));
}

Result<> read_signal(std::string_view text, int& value) {
  value = static_cast<int>(TRY(base::parse_number(text, 1, kMostSignal)));
  return {};
}

template <auto Member>
Result<> read_text(Spec& spec, const std::string& text) {
  spec.*Member = text;
  return {};
}

// What a Command's own lines don't say.
constexpr Field kFields[] = {
    {"id", read_text<&Spec::id>},
    {"name", read_text<&Spec::name>},
    {"netns", read_text<&Spec::netns>},
    {"resolv_conf", read_text<&Spec::resolv_conf>},
    {"hosts", read_text<&Spec::hosts>},
    {"cgroup_root", read_text<&Spec::cgroup_root>},
    {"cgroup", read_text<&Spec::cgroup>},
    {"memory_bytes",
     [](Spec& s, const std::string& t) { return read_limit(t, 1, kMostMemory, s.limits.memory_bytes); }},
    {"cpu_millis",
     [](Spec& s, const std::string& t) { return read_limit(t, kLeastCpuMillis, kMostCpuMillis, s.limits.cpu_millis); }},
    {"pids", [](Spec& s, const std::string& t) { return read_limit(t, 1, kMostPids, s.limits.pids); }},
    {"restart", [](Spec& s, const std::string& t) { return read_policy(t, s.restart.policy); }},
    {"restart_first_ms", [](Spec& s, const std::string& t) { return read_millis(t, s.restart.first); }},
    {"restart_longest_ms", [](Spec& s, const std::string& t) { return read_millis(t, s.restart.longest); }},
    {"restart_steady_ms", [](Spec& s, const std::string& t) { return read_millis(t, s.restart.steady); }},
    {"stop_signal", [](Spec& s, const std::string& t) { return read_signal(t, s.stop.signal); }},
    {"stop_grace_ms", [](Spec& s, const std::string& t) { return read_millis(t, s.stop.grace); }},
    {"log_file_bytes",
     [](Spec& s, const std::string& t) { return read_number(t, 4096, kMostMemory, s.log.file_bytes); }},
    {"log_files", [](Spec& s, const std::string& t) { return read_number(t, 1, 100, s.log.files); }},
};

int64_t millis(base::Duration duration) { return std::chrono::duration_cast<milliseconds>(duration).count(); }

void append_number(std::string& text, std::string_view key, uint64_t value) {
  append_line(text, key, std::to_string(value));
}

void append_limit(std::string& text, std::string_view key, const std::optional<uint64_t>& value) {
  if (value) append_number(text, key, *value);
}

Result<> read(Spec& spec, const Line& line) {
  if (TRY(read_line(spec.command, line))) return {};
  for (const Field& field : kFields) {
    if (field.key == line.key) return field.read(spec, line.value).in_field(field.key);
  }
  return error(Code::Usage, "{} is not known to this version", line.key).in_field(line.key);
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.front() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// A place that no ".." can lead out of.
bool is_plain_path(std::string_view text) {
  if (text.empty() || text.front() != '/' || text.size() > 1024 || text.find('\0') != std::string_view::npos)
    return false;
  for (const auto part : base::split(text, '/')) {
    if (part == ".." || part == ".") return false;
  }
  return true;
}

}  // namespace

Result<> validate(const Spec& spec) {
  if (!is_id(spec.id)) return error(Code::Usage, "{} is not an id", base::printable(spec.id)).in_field("id");
  TRY_VOID(validate(spec.command));
  const auto path = [](std::string_view field, std::string_view text) -> Result<> {
    if (is_plain_path(text)) return {};
    return error(Code::Usage, "{} is not a plain absolute path", base::printable(text)).in_field(field);
  };
  if (!spec.netns.empty()) TRY_VOID(path("netns", spec.netns));
  TRY_VOID(path("cgroup_root", spec.cgroup_root));
  TRY_VOID(path("cgroup", spec.cgroup));
  return {};
}

std::string encode(const Spec& spec) {
  std::string text;
  append_line(text, "id", spec.id);
  append_line(text, "name", spec.name);
  append_lines(text, spec.command);
  if (!spec.netns.empty()) append_line(text, "netns", spec.netns);
  if (spec.resolv_conf) append_line(text, "resolv_conf", *spec.resolv_conf);
  if (spec.hosts) append_line(text, "hosts", *spec.hosts);
  append_line(text, "cgroup_root", spec.cgroup_root);
  append_line(text, "cgroup", spec.cgroup);
  append_limit(text, "memory_bytes", spec.limits.memory_bytes);
  append_limit(text, "cpu_millis", spec.limits.cpu_millis);
  append_limit(text, "pids", spec.limits.pids);
  append_line(text, "restart", kPolicies[static_cast<size_t>(spec.restart.policy)]);
  append_line(text, "restart_first_ms", millis(spec.restart.first));
  append_line(text, "restart_longest_ms", millis(spec.restart.longest));
  append_line(text, "restart_steady_ms", millis(spec.restart.steady));
  append_line(text, "stop_signal", spec.stop.signal);
  append_line(text, "stop_grace_ms", millis(spec.stop.grace));
  append_number(text, "log_file_bytes", spec.log.file_bytes);
  append_number(text, "log_files", spec.log.files);
  return text;
}

Result<Spec> parse_spec(std::string_view text) {
  Spec spec;
  for (const Line& line : TRY(parse_lines(text))) TRY_VOID(read(spec, line));
  TRY_VOID(validate(spec));
  return spec;
}

}  // namespace weft::workload
