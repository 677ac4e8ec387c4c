// The real server, `postroad serve`, started by tests on free ports.
#ifndef POSTROAD_TESTS_SUPPORT_SERVER_PROCESS_H_
#define POSTROAD_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace postroad::testing {

// The program under test.
std::string PostroadProgram();

struct ServerOptions {
  std::string data;                // the data folder; empty: a new one
  std::vector<std::string> flags;  // further flags; addresses here replace the free ports
  std::string config;              // contents of the settings file; empty: none
  Process::Variables variables;
  // Put before the command, as in {"unshare", "--mount", …}; must end by exec of what follows it.
  std::vector<std::string> prefix;
};

// Ready when constructed (a test failure if it does not get there; then ready() is false).
class ServerProcess {
 public:
  explicit ServerProcess(ServerOptions options = {});

  bool ready() const { return !grpc_.empty(); }
  const std::string& grpc() const { return grpc_; }  // "127.0.0.1:40001"
  const std::string& http() const { return http_; }
  uint16_t http_port() const {
    return static_cast<uint16_t>(std::stoi(http_.substr(http_.rfind(':') + 1)));
  }
  const std::string& rsocket() const { return rsocket_; }
  const std::string& data() const { return options_.data; }
  // A path as the server sees it, in terms of this process: other where it has mounts of its own.
  std::string Seen(const std::string& path) const;
  Process& process() { return *process_; }
  // SIGTERM, and waits for the end.
  Ended Stop();
  // SIGKILL, then a new process with the same data and flags, on new ports.
  void KillAndRestart();
  void Start();

 private:
  ServerOptions options_;
  TempFolder folder_;
  std::unique_ptr<Process> process_;
  std::string grpc_, http_, rsocket_;
};

struct HttpAnswer {
  int status = 0;  // 0: no answer
  std::string head, body;
};
// One request over a connection of its own, plain text.
HttpAnswer HttpGet(const std::string& address, const std::string& path,
                   const std::string& method = "GET");

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_SERVER_PROCESS_H_
