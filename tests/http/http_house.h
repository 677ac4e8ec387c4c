// A whole Postroad in this process: store, journal, delivery, broker and the HTTP server on a free
// loopback port.
#ifndef POSTROAD_TESTS_HTTP_HTTP_HOUSE_H_
#define POSTROAD_TESTS_HTTP_HTTP_HOUSE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "auth/static_keys.h"
#include "gateway/http/http_server.h"
#include "tests/support/http_client.h"
#include "tests/support/stack.h"

namespace postroad::testing {

class HttpHouse : public ::testing::Test {
 protected:
  HttpHouse() {
    options.host = "127.0.0.1";
    options.pages["/page"] = [] { return gateway::HttpPage{.body = "a page"}; };
  }
  ~HttpHouse() override { Stop(); }

  // What tests change before Start.
  gateway::HttpOptions options;
  journal::JournalOptions journal_options;
  broker::UserOptions users;
  std::unique_ptr<auth::Authenticator> authenticator = auth::AllowAll();

  void Start() {
    stack = std::make_unique<Stack>(cores, metrics, journal_options, users);
    broker = &stack->broker();
    server = Must(gateway::HttpServer::Start(
        options, {*broker, *authenticator, cores, SystemClock(), metrics}));
  }
  void Stop() {
    if (server) server->Stop({});
    if (stack) stack->Stop();
    cores.Stop();
    server.reset();
    stack.reset();
  }

  uint16_t port() const { return server->port(); }
  // One request on a connection of its own.
  HttpReply Ask(const std::string& method, const std::string& target, const std::string& body = "",
                const std::string& headers = "") {
    HttpClient client(port());
    return client.Ask(method, target, body, headers);
  }
  // Posts one event and expects it to be stored.
  void Post(const std::string& topic, const std::string& json) {
    const HttpReply reply = Ask("POST", "/v1/events?topic=" + topic, json);
    ASSERT_EQ(reply.status, 200) << reply.body;
  }
  // The payloads of a topic, joined by blanks.
  std::string Payloads(const std::string& topic) {
    const HttpReply reply = Ask("GET", "/v1/events?max=1000&from=beginning&topic=" + topic);
    EXPECT_EQ(reply.status, 200) << reply.body;
    std::string all;
    for (const auto& event : reply.Json().at("events").as_array()) {
      if (!all.empty()) all += ' ';
      all += boost::json::serialize(event.at("payload"));
    }
    return all;
  }
  double Counted(const std::string& name, const Labels& labels = {}) {
    return metrics.GetCounter(name, "", labels).Value();
  }
  // Within a time that only a hang reaches.
  static bool Eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  template <typename T>
  static T Must(Result<T> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().ToString());
    return result ? *std::move(result) : T();
  }

  Metrics metrics;
  CorePool cores{2};
  std::unique_ptr<Stack> stack;
  broker::Broker* broker = nullptr;  // the stack's
  std::unique_ptr<gateway::HttpServer> server;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_HTTP_HTTP_HOUSE_H_
