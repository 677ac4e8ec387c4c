// A TCP proxy that misbehaves when told to: what networks and load balancers do to a client.
#ifndef POSTROAD_TESTS_CLIENT_PROXY_H_
#define POSTROAD_TESTS_CLIENT_PROXY_H_

#include <atomic>
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
  // Connections made so far.
  int accepted() const { return accepted_; }

 private:
  struct Link {
    int client = -1;
    int server = -1;
    bool dead = false;  // a black hole
  };
  void Run();
  void Accept();
  bool Forward(int from, int to);
  void EndAll(bool reset);

  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::string address_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::string target_;
  std::list<Link> links_;
  std::thread thread_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_CLIENT_PROXY_H_
