// See process.h.
#include "support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

namespace postroad::testing {

int Scaled(int full) {
  const char* percent = std::getenv("POSTROAD_TEST_SCALE");
  return std::max(1, full * (percent == nullptr ? POSTROAD_TEST_SCALE : std::atoi(percent)) / 100);
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

int FreePort() {
  std::random_device random;
  for (;;) {
    const auto port = static_cast<uint16_t>(std::uniform_int_distribution(15'000, 30'000)(random));
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (free) return port;
  }
}

TempFolder::TempFolder() {
  path_ = std::filesystem::temp_directory_path() / "postroad-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}
std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string SanitizerReport(std::string_view output) {
  size_t start = output.npos;
  for (const std::string_view sign : {"Sanitizer: ", "runtime error: "}) {
    start = std::min(start, output.find(sign));
  }
  if (start == output.npos) return "";
  const size_t line = output.rfind('\n', start);
  return std::string(output.substr(line == output.npos ? 0 : line + 1));
}

Process::Process(std::vector<std::string> command, const Variables& variables) {
  const std::string output = folder_ / "output";
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  // The child. Tests have no threads that hold locks which what follows needs.
  const int fd = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

Process::~Process() {
  if (!ExitCode()) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  // Whatever its exit code told, if the test looked at it, or SIGKILL left of it.
  const std::string report = SanitizerReport(Output());
  if (!report.empty()) ADD_FAILURE() << "a sanitizer's report from the process:\n" << report;
}

void Process::Signal(int signal) {
  if (!exit_code_) kill(pid_, signal);
}

std::optional<int> Process::ExitCode() {
  int status = 0;
  if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  return exit_code_;
}

Ended Process::Wait() {
  if (!Eventually([this] { return ExitCode().has_value(); })) {
    ADD_FAILURE() << "the process does not end; so far it printed:\n" << Output();
    return {-1000, Output()};
  }
  return {*exit_code_, Output()};
}

std::string Process::Output() const { return ReadFile(folder_ / "output"); }

Ended RunProgram(std::vector<std::string> command, const Process::Variables& variables) {
  return Process(std::move(command), variables).Wait();
}

}  // namespace postroad::testing
