// A real server behind a proxy, and the library's parts connected to it.
#ifndef POSTROAD_TESTS_CLIENT_FIXTURE_H_
#define POSTROAD_TESTS_CLIENT_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/proxy.h"
#include "postroad/postroad.h"
#include "support/server_process.h"

namespace postroad::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What handlers saw, from any thread.
class Seen {
 public:
  void Add(std::string_view payload) {
    std::lock_guard lock(mutex_);
    order_.emplace_back(payload);
    ++times_[order_.back()];
  }
  std::vector<std::string> order() const {
    std::lock_guard lock(mutex_);
    return order_;
  }
  size_t size() const {
    std::lock_guard lock(mutex_);
    return order_.size();
  }
  // How many different ones.
  size_t distinct() const {
    std::lock_guard lock(mutex_);
    return times_.size();
  }
  int times(const std::string& payload) const {
    std::lock_guard lock(mutex_);
    const auto it = times_.find(payload);
    return it == times_.end() ? 0 : it->second;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> order_;
  std::map<std::string, int> times_;
};

// What a client logged.
class Log {
 public:
  std::function<void(Severity, std::string_view)> Logger() {
    return [this](Severity, std::string_view message) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(message);
    };
  }
  // How many lines have it.
  size_t Count(std::string_view part) const {
    std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::ranges::count_if(
        lines_, [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// "0", "1", … as payloads.
inline std::vector<std::string> Numbers(size_t count) {
  std::vector<std::string> numbers;
  for (size_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

class ClientTest : public ::testing::Test {
 protected:
  // Connects through the proxy; attempts follow quickly.
  Client Connect(ClientOptions options = {}) {
    options.addresses = {proxy_.address()};
    if (options.backoff.base == BackoffOptions{}.base) {
      options.backoff.base = milliseconds(10);
      options.backoff.max = milliseconds(200);
    }
    auto client = Client::Create(std::move(options));
    EXPECT_TRUE(client) << client.error().ToString();
    return *client;
  }

  std::unique_ptr<Publisher> NewPublisher(const Client& client, PublisherOptions options = {}) {
    auto publisher = Publisher::Create(client, options);
    EXPECT_TRUE(publisher) << publisher.error().ToString();
    return std::move(*publisher);
  }

  // Posts 0 … count-1, waiting for each.
  static void PostNumbers(Publisher& publisher, const std::string& topic, size_t count) {
    for (const std::string& number : Numbers(count)) {
      const auto posted = publisher.Post({.topic = topic, .payload = number});
      ASSERT_TRUE(posted) << posted.error().ToString();
    }
  }

  // Everything of a topic, in order.
  std::vector<std::string> ReadAll(const std::string& topic, std::vector<uint64_t>* offsets = {}) {
    std::vector<std::string> payloads;
    ReaderOptions options{.topics = {topic}, .from = FromBeginning{}};
    options.stop_at_end = true;
    options.on_event = [&](const ReadEvent& read) -> Status {
      payloads.emplace_back(read.event().payload);
      if (offsets) offsets->push_back(read.offset().value());
      return {};
    };
    auto reader = Reader::Start(Connect(), options);
    EXPECT_TRUE(reader) << reader.error().ToString();
    const Status ended = (*reader)->WaitFor(kPatience);
    EXPECT_TRUE(ended) << ended.error().ToString();
    return payloads;
  }

  static ReaderOptions ReadInto(const std::string& topic, Seen& seen) {
    ReaderOptions options{.topics = {topic}, .from = FromBeginning{}};
    options.on_event = [&seen](const ReadEvent& read) -> Status {
      seen.Add(read.event().payload);
      return {};
    };
    return options;
  }

  // From the beginning of the topic, with quick retries.
  static SubscriberOptions Consume(const std::string& name, const std::string& topic) {
    SubscriberOptions options{.subscription = name};
    options.create = SubscriptionSettings{.topics = {topic},
                                          .start = SubscriptionStart::kBeginning,
                                          .retry_schedule = {milliseconds(10)},
                                          .max_attempts = 20};
    return options;
  }
  static SubscriberOptions ConsumeInto(const std::string& name, const std::string& topic,
                                       Seen& seen) {
    SubscriberOptions options = Consume(name, topic);
    options.handler = [&seen](Delivery& delivery) -> Status {
      seen.Add(delivery.event().payload);
      return {};
    };
    return options;
  }
  static std::unique_ptr<Subscriber> Start(const Client& client, const SubscriberOptions& options) {
    auto subscriber = Subscriber::Start(client, options);
    EXPECT_TRUE(subscriber) << subscriber.error().ToString();
    return std::move(*subscriber);
  }
  static std::unique_ptr<Reader> Start(const Client& client, const ReaderOptions& options) {
    auto reader = Reader::Start(client, options);
    EXPECT_TRUE(reader) << reader.error().ToString();
    return std::move(*reader);
  }
  // Whether everything of the subscription is settled.
  static bool AllSettled(const Client& client, const std::string& subscription) {
    return Eventually([&] {
      const auto info = Admin(client).GetSubscription(subscription);
      return info && info->floor == info->end && info->in_flight == 0 && info->retrying == 0;
    });
  }

  void KillAndRestartServer() {
    server_.KillAndRestart();
    proxy_.Retarget(server_.grpc());
  }

  // Both sides ping often, so that F4 is over soon.
  ServerProcess server_{
      {.flags = {"--grpc.min_client_ping_interval", "100ms", "--grpc.keepalive_time", "1s",
                 "--grpc.keepalive_timeout", "1s"}}};
  Proxy proxy_{server_.grpc()};
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_CLIENT_FIXTURE_H_
