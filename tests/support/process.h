// Programs started by tests, and folders that go when the test ends.
#ifndef POSTROAD_TESTS_SUPPORT_PROCESS_H_
#define POSTROAD_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad::testing {

// Long enough for a busy machine, and longer under a sanitizer; only a failing test waits that
// long.
inline constexpr std::chrono::seconds kPatience{POSTROAD_TEST_PATIENCE_SECONDS};

// How often a test repeats what it would do `full` times: all in a release build, a fifth under a
// sanitizer; POSTROAD_TEST_SCALE=<percent> says otherwise.
int Scaled(int full);

// Asks again and again until the condition holds; false if it does not within kPatience.
bool Eventually(const std::function<bool()>& condition);

// A port of loopback that is free, for servers that are to be found where they were after a
// restart. None of those that the kernel gives to outgoing connections: one would be taken
// meanwhile.
int FreePort();

// A new, empty folder.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& text);
std::string ReadFile(const std::string& path);  // "" if it cannot be read

struct Ended {
  // The exit code, or minus the signal that ended it.
  int code = 0;
  std::string output;  // standard output and standard error, as they came
};

// From the first line of a sanitizer's report in a program's output on; "" if there is none.
std::string SanitizerReport(std::string_view output);

// A running program. Killed, if it still runs, when this is destroyed; a test failure if it printed
// a sanitizer's report.
class Process {
 public:
  using Variables = std::vector<std::pair<std::string, std::string>>;

  // `command` is the program's path and its arguments; `variables` are added to the environment.
  explicit Process(std::vector<std::string> command, const Variables& variables = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal);
  // Nothing if it runs.
  std::optional<int> ExitCode();
  // Waits until it has ended; a test failure, and code -1000, if it does not within kPatience.
  Ended Wait();
  // What it has printed so far.
  std::string Output() const;

 private:
  TempFolder folder_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

// Runs a program to its end.
Ended RunProgram(std::vector<std::string> command, const Process::Variables& variables = {});

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_PROCESS_H_
