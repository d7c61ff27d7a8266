// A command line of any words: it is understood or refused, and what is
// understood becomes a request.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/completion.h"
#include "cli/failure.h"
#include "cli/parse.h"
#include "cli/request.h"
#include "cli/trace_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace weft;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  std::vector<std::string> words;
  for (const auto word : base::split(text, '\0')) words.emplace_back(word);
  const auto parsed = cli::parse(words, [](const std::string&) { return std::nullopt; });
  if (!parsed.ok()) {
    (void)cli::failure_text(parsed.error());
    (void)cli::failure_json(parsed.error());
  } else if (const auto* given = std::get_if<cli::Given>(&*parsed)) {
    for (const auto& request : cli::requests_of(*given)) (void)request.dump();
  }
  (void)cli::complete(words, [](cli::Offer) { return std::vector<std::string>{"name"}; });
  (void)cli::parse_target(text);
  return 0;
}
