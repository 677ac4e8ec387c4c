// A TCP proxy that misbehaves when told to: what networks and load balancers do to a client.
#ifndef POSTROAD_TESTS_CLIENT_PROXY_H_
#define POSTROAD_TESTS_CLIENT_PROXY_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace postroad::testing {

// Thread-safe.
class Proxy {
 public:
  explicit Proxy(std::string target);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  const std::string& address() const { return address_; }
  // Where new connections go; those there are stay.
  void Retarget(std::string target);
  // Ends every connection: by a reset, or in an orderly way.
  void Reset();
  void Finish();
  // The connections there are stay open, and nothing goes through any more. New ones work.
  void BlackHole();
  // Each connection made from now on is ended when it is this old; zero: no more.
  void Recycle(std::chrono::milliseconds age, bool reset);
  // Connections made from now on carry so much each way, each byte so much later.
  void Slow(std::chrono::milliseconds delay, size_t bytes_per_second);
  // Connections made so far.
  int accepted() const { return accepted_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Chunk {
    std::string bytes;
    Time due;
  };
  // One direction of a connection.
  struct Way {
    int from = -1;
    int to = -1;
    std::deque<Chunk> late = {};  // read, and not due yet
    Time free = {};               // when the link has carried what was read
    bool ended = false;           // nothing more comes; what is late is still sent
  };
  struct Link {
    Way up, down;
    bool dead = false;   // a black hole
    Time end = kNever;   // when it is to be recycled
    bool reset = false;  // and how
    std::chrono::milliseconds delay{0};
    size_t bytes_per_second = 0;  // 0: as they come
  };
  static constexpr Time kNever = Time::max();
  // What a slow link holds each way at most, so that its sender feels it.
  static constexpr size_t kLateChunks = 16;

  void Run();
  int Wait();
  void Accept();
  static bool Serve(Link& link, Time now);
  static bool Forward(const Link& link, Way& way, Time now);
  static bool Reads(const Way& way) { return !way.ended && way.late.size() < kLateChunks; }
  static bool SendDue(Way& way, Time now);
  static void End(const Link& link, bool reset);
  void EndAll(bool reset);

  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::string address_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::string target_;
  std::list<Link> links_;
  Link made_;  // what new connections are like
  std::chrono::milliseconds age_{0};
  std::thread thread_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_CLIENT_PROXY_H_
