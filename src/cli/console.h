// Where a command's words go: data to stdout, all else to stderr.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/show.h"

namespace weft::cli {

enum class Loudness { Usual, Quiet };

class Console {
 public:
  Console(View view, Loudness loudness) : view_(view), loudness_(loudness) {}

  const View& view() const { return view_; }
  Format format() const { return view_.format; }
  bool is_quiet() const { return loudness_ == Loudness::Quiet; }

  void print(std::string_view text) const;
  // A remark on stderr, unless quiet.
  void note(std::string_view text) const;
  // "notes" of an answer.
  void notes_of(const nlohmann::ordered_json& answer) const;
  // Why nothing came of it, as text or, with -o json, as JSON.
  void fail(const Error& error) const;
  // Pushes out what is printed; an error if it can't be (a full disk).
  Result<> flush() const;

  // Asks on the terminal; without one the answer is yes.
  bool confirm(const std::string& question) const;

  // Shows that something takes long, on a terminal; end_progress() takes it away.
  void progress(const std::string& text) const;
  void end_progress() const;

 private:
  View view_;
  Loudness loudness_;
  mutable enum class Progress { Hidden, Shown } progress_ = Progress::Hidden;
};

// What stdout is, and what the environment wishes.
Screen screen_of_stdout();

}  // namespace weft::cli
