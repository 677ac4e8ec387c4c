#include "cli/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

#include "cli/text.h"

namespace postroad::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void OnSignal(int) { interrupted = 1; }

void Install(void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

// SA_RESETHAND: the second signal does what signals do. No SA_RESTART: reading standard input ends.
Interrupt::Interrupt() {
  interrupted = 0;
  Install(OnSignal, static_cast<int>(SA_RESETHAND));
}
Interrupt::~Interrupt() { Install(SIG_DFL, 0); }
bool Interrupt::requested() const { return interrupted != 0; }

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void Notice(std::string_view text) {
  const std::string line = "postroad: " + std::string(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

Progress::Progress(std::optional<uint64_t> total_bytes)
    : enabled_(isatty(STDERR_FILENO) == 1),
      total_(total_bytes),
      start_(std::chrono::steady_clock::now()),
      drawn_(start_) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::Update(uint64_t bytes, uint64_t events) {
  if (!enabled_) return;
  const MonotonicTime now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string line = "\r";
  if (total_ && *total_ > 0) {
    constexpr uint64_t kWidth = 30;
    const uint64_t filled = std::min(kWidth, bytes * kWidth / *total_);
    line += "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] " +
            std::to_string(std::min<uint64_t>(100, bytes * 100 / *total_)) + "%  ";
  }
  line += HumanCount(events) + " events, " + HumanBytes(bytes) + ", " +
          HumanCount(static_cast<uint64_t>(static_cast<double>(events) / seconds)) + "/s\x1b[K";
  std::fputs(line.c_str(), stderr);
}

}  // namespace postroad::cli
