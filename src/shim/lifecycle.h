// Lifecycle: when a workload's command is started, asked to end, killed and
// started again. Pure: it is told what happened and says what to do next.
//
//             launch            end, policy says again          time
//   Created ---------> Running ------------------------> Backoff ----> Created
//      |                  |  \ stop, restart                |  stop,
//      | can't be set up  |   `-----> Stopping --.          |  end asked
//      v                  v end               end|          v
//    Failed            Exited <------------------'--------Exited
//
// A restart goes from Stopping or Backoff to Created.
#pragma once

#include <optional>
#include <variant>

#include "base/time.h"
#include "workload/spec.h"
#include "workload/status.h"

namespace weft::shim {

struct Launched {};
// It cannot be set up: a limit, a user, a namespace. Trying again won't help.
struct NotLaunched {};
// Nothing of the workload runs any more. Also an executable that isn't there.
struct Ended {
  workload::Exit exit;
};
struct StopAsked {
  base::Duration grace;
};
struct RestartAsked {
  base::Duration grace;
};
// Its owner has told it to end, in the owner's own way and time: no run comes
// after this one.
struct EndAsked {};
struct Tick {};
using Event = std::variant<Launched, NotLaunched, Ended, StopAsked, RestartAsked, EndAsked, Tick>;

enum class Act {
  Nothing,
  Launch,  // start the command; answer with Launched, NotLaunched or Ended
  Ask,     // send the stop signal
  Kill,    // kill all of it; Ended follows
  Finish,  // the state is final
};

class Lifecycle {
 public:
  explicit Lifecycle(workload::Restart restart) : restart_(restart), wait_(restart.first) {}

  // Tick first, which launches. Call again with Tick at wake_at(), if there is one.
  Act step(base::BootTime now, const Event& event);

  workload::RunState state() const { return state_; }
  int64_t restarts() const { return restarts_; }
  workload::Again again() const { return again_; }
  std::optional<base::BootTime> wake_at() const { return wake_at_; }

 private:
  enum class Then { Finish, Launch };

  Act on(base::BootTime now, Launched);
  Act on(base::BootTime now, NotLaunched);
  Act on(base::BootTime now, const Ended& ended);
  Act on(base::BootTime now, const StopAsked& stop);
  Act on(base::BootTime now, const RestartAsked& restart);
  Act on(base::BootTime now, EndAsked);
  Act on(base::BootTime now, Tick);

  bool wants_another_run(const workload::Exit& exit) const;
  Act ask_to_end(base::BootTime now, base::Duration grace, Then then);
  Act launch_again();
  Act finish(workload::RunState state);

  workload::Restart restart_;
  base::Duration wait_;  // before the next launch
  workload::RunState state_ = workload::RunState::Created;
  std::optional<base::BootTime> wake_at_;
  base::BootTime launched_;
  Then then_ = Then::Finish;  // once it has stopped
  workload::Again again_ = workload::Again::ByPolicy;
  int64_t restarts_ = 0;
};

}  // namespace weft::shim
