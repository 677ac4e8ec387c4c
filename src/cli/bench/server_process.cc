#include "cli/bench/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace postroad::cli::bench {
namespace {

constexpr int kStartSeconds = 120;

// The environment without settings that would change what is measured.
std::vector<char*> CleanEnvironment() {
  std::vector<char*> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "POSTROAD_", 9) != 0) entries.push_back(*entry);
  }
  entries.push_back(nullptr);
  return entries;
}

Error Failed(const std::string& what, int number) {
  return {ErrorCode::kUnavailable, "cannot " + what + ": " + std::strerror(number)};
}

// "  grpc  127.0.0.1:40123" gives the address of "grpc".
std::string AddressIn(const std::string& output, std::string_view protocol) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    std::istringstream words(line);
    std::string word, address;
    if (words >> word >> address && word == protocol) return address;
  }
  return "";
}

// The answer to GET `path`, with its headers; empty if there is none. `address`: 127.0.0.1:<port>.
std::string HttpGet(const std::string& address, const std::string& path) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string port = address.substr(address.find(':') + 1);
  to.sin_port = htons(static_cast<uint16_t>(std::strtoul(port.c_str(), nullptr, 10)));
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n";
  if (connect(connection, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
      write(connection, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
    std::array<char, 16384> chunk{};
    for (ssize_t got = 0; (got = read(connection, chunk.data(), chunk.size())) > 0;) {
      answer.append(chunk.data(), static_cast<size_t>(got));
    }
  }
  close(connection);
  return answer;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  const char* parent = std::getenv("POSTROAD_BENCH_DIR");
  if (parent == nullptr) parent = std::getenv("TMPDIR");
  path_ = std::string(parent == nullptr ? "/var/tmp" : parent) + "/postroad-bench-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) path_.clear();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

ServerProcess::~ServerProcess() { Kill(); }

Status ServerProcess::Start(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return Fail(Failed("make a pipe", errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  std::vector<std::string> words = {"/proc/self/exe"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error = posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(),
                                CleanEnvironment().data());
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  output_ = pipe_ends[0];
  if (error != 0) {
    pid_ = -1;
    return Fail(Failed("start the server", error));
  }
  return ReadAddress();
}

Status ServerProcess::ReadAddress() {
  std::string output;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(kStartSeconds);
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd wait{output_, POLLIN, 0};
    if (poll(&wait, 1, 1000) <= 0) continue;
    std::array<char, 4096> chunk{};
    const ssize_t got = read(output_, chunk.data(), chunk.size());
    if (got <= 0) return Fail(ErrorCode::kUnavailable, "the bench's server ended at its start");
    output.append(chunk.data(), static_cast<size_t>(got));
    address_ = AddressIn(output, "grpc");
    http_address_ = AddressIn(output, "http");
    if (!address_.empty()) return {};  // both come in one piece
  }
  return Fail(ErrorCode::kDeadlineExceeded, "the bench's server did not say where it listens");
}

Status ServerProcess::Serve(const std::string& directory) {
  return Start({"serve", "--config", "/dev/null", "--data", directory, "--listen.grpc",
                "127.0.0.1:0", "--listen.http", "127.0.0.1:0", "--listen.rsocket", "",
                "--log.level", "warn"});
}

void ServerProcess::Kill() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  pid_ = -1;
  output_ = -1;
}

Result<double> ServerProcess::Metric(const std::string& name) const {
  std::istringstream lines(HttpGet(http_address_, "/metrics"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + " ")) return std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return Fail(ErrorCode::kUnavailable, "the bench's server does not tell its metric " + name);
}

uint64_t ServerProcess::ResidentBytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

Duration ServerProcess::CpuTime() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  // After the name, which may hold blanks: utime and stime are fields 14 and 15.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 2)));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  int64_t user = 0, system = 0;
  fields >> user >> system;
  return std::chrono::nanoseconds((user + system) * (1'000'000'000 / sysconf(_SC_CLK_TCK)));
}

}  // namespace postroad::cli::bench
