// A server that does what a script says, and clients of it whose time goes by in sleeps, for tests.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_SESSION_TESTING_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_SESSION_TESTING_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "postroad/postroad.h"
#include "postroad/v1/postroad.grpc.pb.h"

namespace postroad {

using std::chrono::milliseconds;
using std::chrono::seconds;
using PostServer = grpc::ServerReaderWriter<v1::PostResponse, v1::PostRequest>;
using ReadServer = grpc::ServerWriter<v1::ReadResponse>;
using SubscribeServer = grpc::ServerReaderWriter<v1::SubscribeResponse, v1::SubscribeRequest>;

inline constexpr seconds kLong(20);  // a test that waits so long has failed

inline grpc::Status Down() { return {grpc::UNAVAILABLE, "down"}; }

// Time goes by in sleeps, at once, and nowhere else.
class QuickEnvironment final : public Environment {
 public:
  MonotonicTime Monotonic() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  void Sleep(Duration duration, std::stop_token) override {
    std::lock_guard lock(mutex_);
    now_ += duration;
    sleeps_.push_back(duration);
  }
  // Time goes by otherwise.
  void Pass(Duration duration) {
    std::lock_guard lock(mutex_);
    now_ += duration;
  }
  double Random() override { return 0.5; }
  std::vector<Duration> sleeps() const {
    std::lock_guard lock(mutex_);
    return sleeps_;
  }

 private:
  mutable std::mutex mutex_;
  MonotonicTime now_{};
  std::vector<Duration> sleeps_;
};

// Runs one step of the script a call; the last one from then on.
class ScriptedServer final : public v1::Postroad::Service {
 public:
  struct Script {
    std::vector<std::function<grpc::Status(grpc::ServerContext*, ReadServer*)>> read;
    std::vector<std::function<grpc::Status(grpc::ServerContext*, PostServer*)>> post;
    std::vector<std::function<grpc::Status(grpc::ServerContext*, SubscribeServer*)>> subscribe;
  };
  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~ScriptedServer() override { server_->Shutdown(std::chrono::system_clock::now()); }
  const std::string& address() const { return address_; }

  // Those of Read so far.
  std::vector<v1::ReadRequest> read_requests() const {
    std::lock_guard lock(mutex_);
    return read_requests_;
  }

  grpc::Status Read(grpc::ServerContext* context, const v1::ReadRequest* request,
                    ReadServer* stream) override {
    {
      std::lock_guard lock(mutex_);
      read_requests_.push_back(*request);
    }
    return Step(script_.read)(context, stream);
  }
  grpc::Status PostStream(grpc::ServerContext* context, PostServer* stream) override {
    return Step(script_.post)(context, stream);
  }
  grpc::Status Subscribe(grpc::ServerContext* context, SubscribeServer* stream) override {
    return Step(script_.subscribe)(context, stream);
  }

 private:
  template <typename Steps>
  const typename Steps::value_type& Step(const Steps& steps) {
    return steps.at(std::min<size_t>(next_++, steps.size() - 1));
  }
  const Script script_;
  std::atomic<size_t> next_ = 0;
  mutable std::mutex mutex_;
  std::vector<v1::ReadRequest> read_requests_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

class SessionTest : public testing::Test {
 protected:
  Client NewClient(const std::string& address, BackoffOptions backoff = {}) {
    return NewClient({.addresses = {address}, .backoff = backoff});
  }
  Client NewClient(ClientOptions options) {
    options.environment = &environment_;
    options.on_state = [this](const StateChange& change) {
      std::lock_guard lock(mutex_);
      states_.push_back(change.state);
      if (!change.error.reason.empty()) reasons_.insert(change.error.reason);
      changed_.notify_all();
    };
    options.logger = [this](Severity, std::string_view message) {
      std::lock_guard lock(mutex_);
      log_.append(message).append("\n");
    };
    return *Client::Create(std::move(options));
  }
  bool AwaitState(size_t count, State state) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] {
      return std::ranges::count(states_, state) >= static_cast<ptrdiff_t>(count);
    });
  }
  std::vector<State> states() {
    std::lock_guard lock(mutex_);
    return states_;
  }
  // Those that state changes were told with.
  std::set<std::string> reasons() {
    std::lock_guard lock(mutex_);
    return reasons_;
  }
  std::string log() {
    std::lock_guard lock(mutex_);
    return log_;
  }
  // False if it is not so soon.
  static bool Eventually(const std::function<bool()>& is_so) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }
  static ReaderOptions ReadOrders() {
    return {.topics = {"orders"}, .on_event = [](const ReadEvent&) { return Status{}; }};
  }

  QuickEnvironment environment_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  std::set<std::string> reasons_;
  std::string log_;
};

}  // namespace postroad

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_SESSION_TESTING_H_
