#include "support/settable_clock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace postroad::testing {

SettableClock::SettableClock(std::string file) : file_(std::move(file)) {
  const int fd = open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof *ahead_) != 0) {
    ADD_FAILURE() << "no file for the clock: " << file_;
    return;
  }
  void* at = mmap(nullptr, sizeof *ahead_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at == MAP_FAILED) {
    ADD_FAILURE() << "the clock's file cannot be mapped: " << file_;
    return;
  }
  ahead_ = static_cast<std::atomic<int64_t>*>(at);
}

SettableClock::~SettableClock() {
  if (ahead_ != nullptr) munmap(ahead_, sizeof *ahead_);
}

Process::Variables SettableClock::Variables() const {
  return {{"LD_PRELOAD", POSTROAD_CLOCK_PRELOAD}, {"POSTROAD_TEST_CLOCK", file_}};
}

void SettableClock::Set(std::chrono::seconds ahead) {
  if (ahead_ != nullptr) ahead_->store(ahead.count());
}

}  // namespace postroad::testing
