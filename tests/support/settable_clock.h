#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "support/process.h"

namespace postroad::testing {

// A machine's clock that a test sets, as a program sees it: what reads the time of day, and waits
// until one, in a program started with Variables(). What counts seconds (CLOCK_MONOTONIC) goes on,
// as when a real clock is set.
class SettableClock {
 public:
  // `file`: a path where there is none yet.
  explicit SettableClock(std::string file);
  SettableClock(const SettableClock&) = delete;
  SettableClock& operator=(const SettableClock&) = delete;
  ~SettableClock();

  Process::Variables Variables() const;
  // From now on the program's clock is this far ahead of the machine's; negative: behind.
  void Set(std::chrono::seconds ahead);

 private:
  const std::string file_;
  std::atomic<int64_t>* ahead_ = nullptr;  // shared with the program
};

}  // namespace postroad::testing
