// "did you mean": the known word nearest to one that isn't.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

// Empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known);

// "; did you mean `create`?", or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace weft::cli
