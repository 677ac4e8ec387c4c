// See server_process.h.
#include "support/server_process.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace postroad::testing {
namespace {

// Connected, or -1. IPv4 only.
int Connect(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {.sin_family = AF_INET};
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = {.tv_sec = kPatience.count()};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

std::string PostroadProgram() { return POSTROAD_PROGRAM; }

ServerProcess::ServerProcess(ServerOptions options) : options_(std::move(options)) {
  if (options_.data.empty()) options_.data = folder_ / "data";
  Start();
}

void ServerProcess::Start() {
  grpc_.clear();
  http_.clear();
  rsocket_.clear();
  std::filesystem::remove(options_.data + "/ports");
  const std::string file = folder_ / "postroad.toml";
  WriteFile(file, options_.config);
  const std::vector<std::string> serve = {
      PostroadProgram(), "serve",       "--config",         file,
      "--data",          options_.data, "--listen.grpc",    "127.0.0.1:0",
      "--listen.http",   "127.0.0.1:0", "--listen.rsocket", "127.0.0.1:0"};
  std::vector<std::string> command = options_.prefix;
  command.insert(command.end(), serve.begin(), serve.end());
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  process_ = std::make_unique<Process>(std::move(command), options_.variables);
  const auto ports = [&] { return ReadFile(Seen(options_.data + "/ports")); };
  const bool known =
      Eventually([&] { return !ports().empty() || process_->ExitCode().has_value(); });
  std::istringstream lines(ports());
  std::string protocol, address;
  while (lines >> protocol >> address) {
    if (protocol == "grpc") grpc_ = address;
    if (protocol == "http") http_ = address;
    if (protocol == "rsocket") rsocket_ = address;
  }
  if (!known || !ready()) ADD_FAILURE() << "no server:\n" << process_->Output();
}

std::string ServerProcess::Seen(const std::string& path) const {
  if (options_.prefix.empty()) return path;
  return "/proc/" + std::to_string(process_->pid()) + "/root" + path;
}

Ended ServerProcess::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

void ServerProcess::KillAndRestart() {
  process_->Signal(SIGKILL);
  process_->Wait();
  Start();
}

HttpAnswer HttpGet(const std::string& address, const std::string& path, const std::string& method) {
  const int fd = Connect(address);
  if (fd < 0) return {};
  const std::string request =
      method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    close(fd);
    return {};
  }
  std::string text;
  char buffer[16384];
  ssize_t got = 0;
  while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
    text.append(buffer, static_cast<size_t>(got));
  close(fd);
  HttpAnswer answer;
  const size_t end = text.find("\r\n\r\n");
  if (end == text.npos) return answer;
  answer.head = text.substr(0, end);
  answer.body = text.substr(end + 4);
  if (std::sscanf(answer.head.c_str(), "HTTP/1.%*d %d", &answer.status) != 1) answer.status = 0;
  return answer;
}

}  // namespace postroad::testing
