// The protocol of DIR/sock, a Unix stream socket on which a weft-shim listens.
//
//   frame   = length type payload
//   length  = u32, little endian: bytes of the payload, at most 1 MiB
//   type    = u8
//   payload = the bytes of a stream, or lines (lines.h)
//
// A request is answered by Done, StatusIs or Refused, in order. A connection
// may Subscribe, and become one of two streams: Attach (the workload's own
// input and output) or Exec (a further command inside it, which ends with
// Exited). The shim reads whatever comes at once; a stream's input comes only as far
// as it has said (StdinUpTo), which is less than it has room for. So a signal waits
// for nothing, even if the command never reads.
//
// An owner whose connection broke (weftd passes it on, and may restart) attaches again
// and goes on where it was: it says how much output it has had, and is told how much
// of its input and how many of its signals were taken. Another shim of the same workload begins again.
//
// A viewer that reads too slowly is dropped. The owner's and an exec's output
// is never lost: while they don't read, the command waits as on any pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "workload/command.h"
#include "workload/status.h"

namespace weft::workload {

enum class FrameType : uint8_t {
  // to the shim
  GetStatus = 1,  // -> StatusIs
  Subscribe = 2,  // -> StatusIs, now and after every change
  Signal = 3,     // "signal N", to the exec's command on its stream, else to the workload's -> Done;
                  // INT, TERM, HUP or QUIT of its owner: it isn't started again; to the owner -> Done with a Progress
  Stop = 4,       // ["grace_ms N"] -> Done: it will end, with or without its consent
  Restart = 5,    // ["grace_ms N"] -> Done: stop and start, or start now if it waits in backoff
  Attach = 6,     // "as owner|viewer", [a Progress] -> Done with a Progress, then Stdout and Stderr
  Exec = 7,       // a command's lines -> Done, then Stdout, Stderr, Exited
  Stdin = 8,      // bytes, from the owner or the exec's client; more than there is room for: Refused, and the end
  StdinEnd = 9,
  Resize = 10,  // "terminal ROWS COLUMNS"
  // from the shim
  StatusIs = 64,  // a Status
  Done = 65,
  Refused = 66,    // "code CODE", "what TEXT"
  Stdout = 67,     // bytes
  Stderr = 68,     // bytes
  Exited = 69,     // "code N", "signal N"
  Dropped = 70,    // the viewer was too slow; the connection ends
  StdinUpTo = 71,  // "input N": the bytes of input that may have been sent by now, counted as in Progress
};

struct Frame {
  FrameType type;
  std::string payload;
  bool operator==(const Frame&) const = default;
};

inline constexpr size_t kMostFrameBytes = kMostTextBytes;
inline constexpr size_t kStreamChunkBytes = 32 * 1024;  // streams are cut into frames of at most this

void append_frame(std::string& out, FrameType type, std::string_view payload);

// Takes bytes as they come and gives whole frames. Holds no more than one frame
// and what was fed with its end.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  // Nothing: more bytes are needed. An error: the peer doesn't speak this; close.
  Result<std::optional<Frame>> next();

 private:
  std::string buffer_;
  size_t start_ = 0;  // of the first frame not yet given out
};

enum class AttachAs { Viewer, Owner };

// How far an owner has come, "life L", "output N", "input N", "signals N": the bytes and
// Signals that went before what comes now, Stdout and Stderr counted together.
struct Progress {
  uint64_t life = 0;  // another for each shim; 0: of none yet
  uint64_t output = 0;
  uint64_t input = 0;
  uint64_t signals = 0;
  bool operator==(const Progress&) const = default;
};

struct Attach {
  AttachAs as = AttachAs::Owner;
  std::optional<Progress> had = {};  // nothing: it wants what comes from now on
  bool operator==(const Attach&) const = default;
};

std::string encode_attach(const Attach& attach);
Result<Attach> parse_attach(std::string_view payload);
std::string encode_progress(const Progress& progress);
// Nothing: a shim that is older than this, and can't go on where it was.
Result<std::optional<Progress>> parse_progress(std::string_view payload);
std::string encode_up_to(uint64_t input);
Result<uint64_t> parse_up_to(std::string_view payload);
std::string encode_grace(std::optional<base::Duration> grace);
Result<std::optional<base::Duration>> parse_grace(std::string_view payload);
std::string encode_signal(int signal);
Result<int> parse_signal(std::string_view payload);
std::string encode_resize(WindowSize size);
Result<WindowSize> parse_resize(std::string_view payload);
std::string encode_command(const Command& command);
Result<Command> parse_command(std::string_view payload);
std::string encode_refusal(const Error& error);
// A refusal that can't be read is an Error that says so.
Error parse_refusal(std::string_view payload);
std::string encode_exit(const Exit& exit);
Result<Exit> parse_exit(std::string_view payload);

}  // namespace weft::workload
