#include <signal.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "runtime/groups_linux.h"
#include "runtime/runtime.h"
#include "workload/shim_client.h"

namespace weft::runtime {

using base::Code;
using model::WorkloadId;
using workload::AttachAs;
using workload::Frame;
using workload::FrameType;
using workload::RunState;
using workload::ShimClient;
using workload::Status;

namespace {

// A parent that ends takes its socket away before it has left its last word.
constexpr base::Duration kSearchTurn = std::chrono::milliseconds(10);
constexpr base::Duration kLongestSearch = std::chrono::seconds(1);
// Of meeting one that listens but hangs up, or is too busy.
constexpr base::Duration kMeetTurn = std::chrono::seconds(1);

constexpr size_t kMostBootBytes = 4096;

Now now() { return {.boot = os::now_boot(), .wall = os::now_wall()}; }

bool is_final(const Status& status) { return status.state == RunState::Exited || status.state == RunState::Failed; }

bool lives(int64_t pid) {
  if (pid <= 0) return false;
  const auto key = os::find_process(static_cast<pid_t>(pid));
  if (!key.ok() || !*key) return false;
  const auto process = os::open_process(**key);
  return process.ok() && *process && !os::has_ended(**process);
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::open(boost::asio::io_context& loop, Options options) {
  std::unique_ptr<Runtime> runtime(new Runtime(loop, std::move(options)));
  TRY_VOID(os::make_directories(runtime->options_.run_directory, 0755));
  TRY_VOID(os::make_directories(runtime->options_.run_directory + "/w", 0700));
  TRY_VOID(os::make_directories(runtime->options_.state_directory, 0700));
  runtime->log_watch_ = TRY(LogWatch::open(loop));
  TRY_VOID(runtime->find_boot());
  TRY_VOID(runtime->find_records());
  TRY_VOID(runtime->find_parents());
  return runtime;
}

Result<> Runtime::find_boot() {
  boot_id_ = TRY(os::read_file(options_.boot_id, kMostBootBytes));
  const auto before = TRY(os::find_file(options_.state_directory + "/boot", kMostBootBytes));
  // Without a word of any boot nothing was run here yet.
  boot_ = before && *before != boot_id_ ? Boot::Another : Boot::Same;
  return {};
}

// Once every workload is accounted for. Flushed, and so no start needs to be.
void Runtime::note_boot() {
  boot_ = Boot::Same;
  const auto noted = os::write_file_atomic(options_.state_directory + "/boot", boot_id_, 0600, os::Durability::Flushed);
  refused_.erase(options_.self.text);
  if (!noted.ok()) refused_[options_.self.text] = noted.error().what;
}

Result<> Runtime::find_records() {
  for (const auto& name : TRY(os::list_directory(options_.state_directory))) {
    if (!WorkloadId::looks_like(name)) continue;
    const WorkloadId id{name};
    const auto text = os::read_file(record_of(id), workload::kMostTextBytes);
    // What a power cut has spoilt is as if it had never been written.
    auto record = text.ok() ? parse_record(*text) : Result<Record>(text.error());
    Item& item = item_of(id);
    item.found = Item::Found::Before;
    if (!record.ok()) continue;
    item.life = Life(*record);
    item.saved = *record;
    if (record->end) item.shown = *record->end;
  }
  return {};
}

Result<> Runtime::find_parents() {
  for (const auto& name : TRY(os::list_directory(options_.run_directory + "/w"))) {
    if (!WorkloadId::looks_like(name)) continue;
    Item& item = item_of({name});
    item.found = Item::Found::Before;
    find_parent(item);
    if (item.life.is_live()) item.shown = item.life.shown();
  }
  for (const auto& [id, item] : items_) {
    const auto& record = item->life.record();
    const bool was_started = record && !record->end && !item->life.is_live();
    if (was_started && access(directory_of(id).c_str(), F_OK) != 0) item->life.on_loss(now(), Loss::PowerCycle, {});
  }
  return {};
}

void Runtime::find_parent(Item& item) {
  auto client = ShimClient::connect(directory_of(item.id));
  const bool listens = client.ok() || client.error().code != Code::NotFound;
  const auto status = workload::read_status(directory_of(item.id));
  if (listens) {
    if (!item.life.is_live()) item.life.on_status(status.ok() && !is_final(*status) ? *status : Status{});
    item.search = Search{.again = os::now_boot() + kMeetTurn};
    if (client.ok()) meet(item, std::move(*client));
  } else if (status.ok() && is_final(*status)) {
    item.life.on_end(now(), *status);
  } else if (status.ok() && lives(status->shim)) {
    search(item);
  } else if (status.ok() || item.life.is_live()) {
    lose(item);
  }
  if (!item.life.is_live()) item.search.reset();
  settle(item);
}

// One that hangs up at once is met again, but not all the time.
void Runtime::meet(Item& item, ShimClient client) {
  const base::BootTime at = os::now_boot();
  if (item.met && at - *item.met < kMeetTurn) return;
  item.met = at;
  client.send(FrameType::Subscribe);
  if (listen(item, std::move(client)).ok()) item.search.reset();
}

// A little later again, and then no more.
void Runtime::search(Item& item) {
  const base::BootTime at = os::now_boot();
  if (!item.life.is_live()) item.life.on_status({});
  if (!item.search || item.search->until == base::BootTime{}) item.search = Search{.until = at + kLongestSearch};
  item.search->again = at + kSearchTurn;
  if (at > item.search->until) lose(item);
}

void Runtime::lose(Item& item) {
  const auto status = workload::read_status(directory_of(item.id)).value_or(Status{});
  // Its last word may have come since it was looked for.
  if (is_final(status)) return item.life.on_end(now(), status);
  item.life.on_loss(now(), boot_ == Boot::Another ? Loss::PowerCycle : Loss::ParentKilled, status);
}

void Runtime::start(Item& item) {
  if (access(item.spec->netns.c_str(), F_OK) != 0) {
    item.life.on_delay(now(), fmt::format("waits for its network namespace {}", item.spec->netns));
    return settle(item);
  }
  const auto prepared = prepare_directory(item);
  item.life.on_start();
  save(item);
  const auto started = prepared.ok() ? start_parent(item) : prepared;
  if (!started.ok()) item.life.on_failure(now(), started.error());
  settle(item);
}

// Before the start is recorded: a record without a directory is one that a power
// cycle has left, and an earlier end must not be taken for that of this start.
Result<> Runtime::prepare_directory(const Item& item) {
  TRY_VOID(os::make_directories(directory_of(item.id), 0700));
  return os::remove_file(directory_of(item.id) + "/status");
}

Result<> Runtime::start_parent(Item& item) {
  const std::string directory = directory_of(item.id);
  workload::Spec spec = *item.spec;
  const bool is_attached = take_announcement(item.id);
  if (!is_attached) {
    return listen(item, TRY(start_shim(options_.shim, directory, spec, {{FrameType::Subscribe, ""}})));
  }
  if (!spec.command.terminal) spec.command.input = workload::Stdin::Pipe;
  const Frame attach{FrameType::Attach, workload::encode_attach({.as = AttachAs::Owner})};
  reserve(item, TRY(start_shim(options_.shim, directory, spec, {attach})));
  find_parent(item);
  return {};
}

Result<> Runtime::listen(Item& item, ShimClient client) {
  const std::weak_ptr weak = items_.at(item.id);
  item.control = TRY(Control::open(loop_, std::move(client),
                                   {.on_frame =
                                        [this, weak](const Frame& frame) {
                                          if (const auto kept = weak.lock()) hear(*kept, frame);
                                        },
                                    .on_close =
                                        [this, weak](const Error& error) {
                                          if (const auto kept = weak.lock()) on_close(*kept, error);
                                        }}));
  if (item.life.is_asked_to_stop()) ask_to_stop(item);
  return {};
}

void Runtime::on_close(Item& item, const Error& error) {
  item.control.reset();
  if (error.code != Code::Unavailable) problems_[item.id.text] = error.what;
  find_parent(item);
}

void Runtime::hear(Item& item, const Frame& frame) {
  if (frame.type == FrameType::Refused) problems_[item.id.text] = workload::parse_refusal(frame.payload).what;
  if (frame.type != FrameType::StatusIs) return;
  const auto status = workload::parse_status(frame.payload);
  if (!status.ok()) {
    problems_[item.id.text] = status.error().what;
    return;
  }
  problems_.erase(item.id.text);
  if (is_final(*status)) {
    item.control->leave();
    item.control.reset();
    item.life.on_end(now(), *status);
  } else {
    item.life.on_status(*status);
  }
  settle(item);
}

void Runtime::ask_to_stop(Item& item) {
  if (item.control) item.control->send(FrameType::Stop);
}

void Runtime::kill_parent(Item& item) {
  const auto pid = static_cast<pid_t>(item.life.shown().shim);
  if (pid > 1 && item.control) kill(pid, SIGKILL);
}

void Runtime::remove(Item& item) {
  auto removed = remove_group(options_.cgroup_root, fmt::format("{}/{}", options_.cgroup, item.id.text));
  if (removed.ok()) removed = os::remove_tree(options_.run_directory + "/w", item.id.text);
  if (removed.ok()) removed = os::remove_file(record_of(item.id));
  if (!removed.ok()) {
    problems_[item.id.text] = removed.error().what;
    return item.life.on_delay(now(), removed.error().what);
  }
  Status end = item.life.shown();
  if (!is_final(end)) end = {.state = RunState::Exited, .reason = "it was removed before it ran"};
  const WorkloadId id = item.id;
  endings_.add(os::now_boot(), id, end);
  resolve(item.end_waiters, end);
  resolve(item.wanted_waiters, end);
  problems_.erase(id.text);
  item.shown = end;
  items_.erase(id);
  wake_followers(id);
}

// What can't be written is missed only after a power cycle.
void Runtime::save(Item& item) {
  const auto& record = item.life.record();
  refused_.erase(item.id.text);
  if (!record || record->generation == 0 || record == item.saved) return;
  const auto written = os::write_file_atomic(record_of(item.id), encode(*record), 0600, os::Durability::Cached);
  if (written.ok()) {
    item.saved = record;
  } else {
    refused_[item.id.text] = written.error().what;
  }
}

void Runtime::heal() {
  for (const auto& [id, why] : std::map(refused_)) {
    const auto item = items_.find({id});
    if (item != items_.end()) {
      save(*item->second);
    } else if (id == options_.self.text) {
      note_boot();
    } else {
      refused_.erase(id);
    }
  }
}

std::map<std::string, std::string> Runtime::problems() const {
  auto all = problems_;
  all.insert(refused_.begin(), refused_.end());
  return all;
}

}  // namespace weft::runtime
