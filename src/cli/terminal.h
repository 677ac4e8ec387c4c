// What a command and a person at a terminal say to each other: Ctrl-C, notices, progress.
#ifndef POSTROAD_CLI_TERMINAL_H_
#define POSTROAD_CLI_TERMINAL_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/time.h"

namespace postroad::cli {

// While one lives, the first SIGINT or SIGTERM asks the command to end; a second one kills it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool requested() const;
};

// Standard output as bytes.
void Print(std::string_view text);
// A line on standard error: "postroad: <text>".
void Notice(std::string_view text);

// How far posting has come, on standard error, if that is a terminal.
class Progress {
 public:
  explicit Progress(std::optional<uint64_t> total_bytes);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Draws at most ten times a second.
  void Update(uint64_t bytes, uint64_t events);

 private:
  bool shown_ = false;
  bool enabled_;
  std::optional<uint64_t> total_;
  MonotonicTime start_, drawn_;
};

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_TERMINAL_H_
