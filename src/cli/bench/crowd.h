// Many readers of one topic at once, on one thread: what they are sent is counted, not looked at.
#ifndef POSTROAD_CLI_BENCH_CROWD_H_
#define POSTROAD_CLI_BENCH_CROWD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace postroad::cli::bench {

// Is once in each event that is counted, and nowhere else in what is sent. ('~' would not do: it is
// a byte of the head of a WebSocket frame of more than 125 bytes, so that each would count twice.)
inline constexpr char kMark = '!';

// A connection to "host:port". Blocking.
Result<int> Dial(const std::string& address);
Status WriteAll(int fd, std::string_view bytes);

class Crowd {
 public:
  // Reads nothing before Start.
  Crowd() = default;
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // Connections of users with an RSocket stream on WebSocket, or of HTTP streams of server-sent
  // events; the topic is user/<user>. They have asked when this returns.
  Status ConnectWebSockets(const std::string& address, const std::string& user, size_t count);
  Status ConnectSse(const std::string& address, const std::string& user, size_t count);
  // Takes the connection, which is closed in the end.
  void Add(int fd) { fds_.push_back(fd); }
  void Start();

  uint64_t seen() const { return seen_; }
  // DEADLINE_EXCEEDED if they do not come within a minute.
  Status WaitFor(uint64_t marks);

 private:
  void Run();

  std::vector<int> fds_;
  int epoll_ = -1, stop_ = -1;
  std::atomic<uint64_t> seen_ = 0;
  std::thread thread_;
};

// A writer without a server around it: `size` bytes to each of `count` loopback connections, one
// write each, again when all have been read. Deliveries/s.
Result<double> BareFanOut(size_t count, size_t size, Duration length);

}  // namespace postroad::cli::bench

#endif  // POSTROAD_CLI_BENCH_CROWD_H_
