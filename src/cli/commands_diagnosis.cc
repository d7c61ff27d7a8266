#include "cli/command_rows.h"

namespace weft::cli {

namespace {

Flag since_flag() {
  return {.name = "since", .value = "DURATION", .kind = Kind::Duration, .help = "begin so long ago"};
}

Command trace_row() {
  return {.name = "trace",
          .summary = "say whether traffic would pass, and why",
          .details =
              "Gives the verdict that the data path would give, step by step, with the rule that decides. Nothing is "
              "sent. With --live the data path's own program is asked, too: it gets the bytes of such a packet at the "
              "sender's device, and its verdict and reason are compared. Nothing is delivered, and no flow is opened. "
              "What gateways do around the data path it doesn't know, and a note says so.\n\n"
              "SOURCE and TARGET are an interface, a workload, an address or `internet`. From outside, or from a "
              "workload, an address of the machine leads to who publishes the port. An IPv6 address before a port "
              "stands in brackets.",
          .arguments = {{.name = "SOURCE", .field = "source", .help = "who sends", .offer = Offer::Tni},
                        {.name = "TARGET[:PORT]", .field = "-", .help = "who receives", .offer = Offer::Tni}},
          .flags = {{.name = "proto",
                     .value = "PROTOCOL",
                     .help = "tcp (the default), udp, icmp, icmpv6 or a number",
                     .choices = "tcp|udp|icmp|icmpv6",
                     .field = "protocol"},
                    {.name = "live",
                     .kind = Kind::Switch,
                     .help = "ask the data path's own program with such a packet, too, and compare"}},
          .method = "Diagnosis/Trace",
          .answer = Answer::Trace,
          .examples = {{"may the application reach the database?", "weft trace shop/app shop/db:5432"},
                       {"is the web server open to the world?", "weft trace internet web:80"},
                       {"who answers at a port of the machine?", "weft trace internet 192.0.2.10:8080"}},
          .exits = "0 the verdict is ALLOW|10 the verdict is DENY"};
}

Command flows_row() {
  return {.name = "flows",
          .summary = "print the flow log",
          .flags = {follow_flag(),
                    {.name = "tni", .value = "TNI", .help = "only of this interface", .offer = Offer::Tni},
                    {.name = "verdict",
                     .value = "VERDICT",
                     .kind = Kind::Choice,
                     .help = "only what was allowed, or what was dropped",
                     .choices = "allow|drop"},
                    since_flag()},
          .method = "Diagnosis/Flows",
          .answer = Answer::Flows,
          .examples = {{"what is dropped, and why", "weft flows --follow --verdict drop"}}};
}

}  // namespace

Flag follow_flag() {
  return {.name = "follow",
          .letter = 'f',
          .kind = Kind::Switch,
          .help = "go on with what comes; as JSON it is then an object in each line, not an array"};
}

std::vector<Command> diagnosis_rows() {
  return {
      trace_row(),
      flows_row(),
      {.name = "status",
       .summary = "say whether everything is as wanted",
       .method = "Diagnosis/Status",
       .answer = Answer::Status,
       .exits = "0 everything is as wanted|11 something is not"},
      {.name = "doctor",
       .summary = "examine the machine: what Weft needs, and what gets in its way",
       .method = "Diagnosis/Doctor",
       .answer = Answer::Doctor,
       .exits = "0 nothing is bad|11 something is"},
      {.name = "events",
       .summary = "print what happened",
       .flags = {follow_flag(), since_flag()},
       .method = "Diagnosis/Events",
       .answer = Answer::Events,
       .examples = {{"", "weft events --since 1h"}}},
      {.name = "explain",
       .summary = "say why an object is as it is, and what this machine holds because of it",
       .arguments = {{.name = "OBJECT",
                      .field = "object",
                      .help = "an id or a name; KIND:NAME where the name isn't unique",
                      .offer = Offer::Tni}},
       .method = "Diagnosis/Explain",
       .answer = Answer::Explain,
       .examples = {{"", "weft explain tni:shop/db"}}},
  };
}

}  // namespace weft::cli
