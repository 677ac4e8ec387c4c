// Runs one of this test program's disabled tests as a process of its own, to be killed.
#ifndef POSTROAD_STORE_ROCKS_CHILD_PROCESS_H_
#define POSTROAD_STORE_ROCKS_CHILD_PROCESS_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace postroad::store {

// The child learns its folder from $POSTROAD_TEST_FOLDER and tells numbers by Tell.
class ChildProcess {
 public:
  ChildProcess(const std::string& disabled_test, const std::string& folder) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const std::string filter = "--gtest_filter=" + disabled_test;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], kTellFd);
      setenv("POSTROAD_TEST_FOLDER", folder.c_str(), 1);
      execl("/proc/self/exe", "child", filter.c_str(), "--gtest_also_run_disabled_tests", nullptr);
      _exit(127);
    }
    close(ends[1]);
    from_ = ends[0];
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    Kill();
    close(from_);
  }

  pid_t pid() const { return pid_; }
  // The next number that the child told; false once it is gone and all is read.
  bool Hear(uint64_t& number) { return read(from_, &number, sizeof number) == sizeof number; }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  // In the child:
  static std::string Folder() {
    const char* folder = std::getenv("POSTROAD_TEST_FOLDER");
    return folder == nullptr ? "" : folder;
  }
  static void Tell(uint64_t number) { (void)!write(kTellFd, &number, sizeof number); }

 private:
  static constexpr int kTellFd = 9;
  pid_t pid_ = 0;
  int from_ = -1;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_CHILD_PROCESS_H_
