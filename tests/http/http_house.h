// A whole Postroad in this process: store, journal, delivery, broker and the HTTP server on a free
// loopback port.
#ifndef POSTROAD_TESTS_HTTP_HTTP_HOUSE_H_
#define POSTROAD_TESTS_HTTP_HTTP_HOUSE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "auth/static_keys.h"
#include "broker/broker.h"
#include "gateway/http/http_server.h"
#include "journal/journal.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/rocks/rocks_store.h"
#include "tests/http/http_client.h"

namespace postroad::testing {

class HttpHouse : public ::testing::Test {
 protected:
  HttpHouse() {
    std::string name = std::filesystem::temp_directory_path() / "postroad-http-XXXXXX";
    directory_ = mkdtemp(name.data());
    options.host = "127.0.0.1";
    options.pages["/page"] = [] { return gateway::HttpPage{.body = "a page"}; };
  }
  ~HttpHouse() override {
    Stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // What tests change before Start.
  gateway::HttpOptions options;
  journal::JournalOptions journal_options;
  std::unique_ptr<auth::Authenticator> authenticator = auth::AllowAll();

  void Start() {
    store = Must(store::OpenRocksStore({.directory = directory_ + "/data"}));
    journal =
        Must(journal::Journal::Open(*store, journal_options, SystemClock(), cores.at(0), metrics));
    delivery =
        Must(delivery::DeliveryEngine::Open(*journal, *store, cores, SystemClock(), metrics));
    broker = std::make_unique<broker::Broker>(*journal, *delivery, *store, SystemClock(), metrics);
    server = Must(gateway::HttpServer::Start(
        options, {*broker, *authenticator, cores, SystemClock(), metrics}));
  }
  void Stop() {
    if (server) server->Stop({});
    if (delivery) delivery->Stop();
    if (journal) journal->Stop();
    cores.Stop();
    server.reset();
    broker.reset();
    delivery.reset();
    journal.reset();
    store.reset();
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

  std::string directory_;
  Metrics metrics;
  CorePool cores{2};
  std::unique_ptr<store::Store> store;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<delivery::DeliveryEngine> delivery;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<gateway::HttpServer> server;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_HTTP_HTTP_HOUSE_H_
