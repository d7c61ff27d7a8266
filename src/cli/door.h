// The door to weftd: one connection for each call, errors that say what to do.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"

namespace weft::cli {

struct DoorOptions {
  std::string socket;
  std::optional<base::Duration> longest = {};  // for a call to be answered, a stream to begin
  std::string if_late = {};                    // what to do when it isn't
  // Told every second, while a call takes more than one, how many it has taken.
  // From a thread of its own; the caller waits meanwhile.
  std::function<void(int)> waiting = {};
};

class Door {
 public:
  using Json = nlohmann::ordered_json;

  explicit Door(DoorOptions options) : options_(std::move(options)) {}
  // The same, to another socket.
  Door to(std::string socket) const {
    Door other = *this;
    other.options_.socket = std::move(socket);
    return other;
  }

  // The answer is an object.
  Result<Json> call(std::string_view method, const Json& request) const;
  // Hands each item over as it comes, until the stream ends or `take` refuses.
  Result<> stream(std::string_view method, const Json& request, const std::function<Result<>(const Json&)>& take) const;
  // A connection that carries raw frames from here on.
  Result<os::Fd> upgrade(std::string_view method, const Json& request) const;

 private:
  DoorOptions options_;
};

}  // namespace weft::cli
