// What a service tells the one that started it (sd_notify(3)): "READY=1", "STOPPING=1".
#pragma once

#include <string_view>

#include "base/result.h"

namespace weft::os {

// Nothing happens if nobody asked to be told ($NOTIFY_SOCKET isn't set).
Result<> tell_supervisor(std::string_view state);

}  // namespace weft::os
