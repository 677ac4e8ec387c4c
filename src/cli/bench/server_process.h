// A `postroad serve` of the bench's own, on free loopback ports and a folder that goes with it.
#ifndef POSTROAD_CLI_BENCH_SERVER_PROCESS_H_
#define POSTROAD_CLI_BENCH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace postroad::cli::bench {

// A folder that is removed with all it holds when this goes.
class TemporaryFolder {
 public:
  // Under `parent`, or where POSTROAD_BENCH_DIR or TMPDIR says, or in /var/tmp: a disk, not memory.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A child process of this program whose first lines of output say where it listens.
class ServerProcess {
 public:
  ServerProcess() = default;
  ~ServerProcess();  // kills it
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts this same program with `arguments` and waits for it to print "grpc  <address>" of its
  // listener. Fails if it ends before.
  Status Start(const std::vector<std::string>& arguments);
  // `serve` on free ports with its data in `directory`, and nothing of the settings around.
  Status Serve(const std::string& directory);
  void Kill();  // SIGKILL, and waits

  const std::string& address() const { return address_; }
  const std::string& http_address() const { return http_address_; }  // of `serve` only
  // The value of a line of /metrics, by the metric's name with its labels. Of `serve` only.
  Result<double> Metric(const std::string& name) const;
  pid_t pid() const { return pid_; }
  uint64_t ResidentBytes() const;
  Duration CpuTime() const;

 private:
  Status ReadAddress();

  pid_t pid_ = -1;
  int output_ = -1;
  std::string address_, http_address_;
};

}  // namespace postroad::cli::bench

#endif  // POSTROAD_CLI_BENCH_SERVER_PROCESS_H_
