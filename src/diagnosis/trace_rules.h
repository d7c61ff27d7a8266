// What the groups of a TNI say of an opening, in words.
#pragma once

#include <string>

#include "model/verdict.h"

namespace weft::diagnosis {

// The traffic and the end that the rules are asked about.
struct RuleQuestion {
  const model::Tni& tni;
  model::Direction direction;
  net::Address peer_address;
  const model::Tni* peer = nullptr;  // null beyond the gateway
  uint8_t protocol = 0;
  uint16_t selector = 0;
};

// "sgr-... of group front allows tcp:80 from 0.0.0.0/0 (web traffic); group base: none of 2 rules"
std::string tell_allowed(const model::State& state, base::WallTime now, const RuleQuestion& question,
                         const model::RuleId& rule);
// "no rule allows tcp:5432 from 10.0.1.4; group data: none of 3 rules: sgr-... ended at ..., sgr-... is for tcp:80"
std::string tell_denied(const model::State& state, base::WallTime now, const RuleQuestion& question);

// "tcp:80", "icmp:8/0"
std::string traffic_text(uint8_t protocol, uint16_t selector);

}  // namespace weft::diagnosis
