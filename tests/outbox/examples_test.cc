// The example shops, as a user runs them: their committed orders arrive at a subscriber, each once
// and in order, and nothing else does. example.sh builds them and says how they are called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>

#include "postroad/client.h"
#include "postroad/subscriber.h"
#include "support/postgres.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

constexpr int kOrders = 100;  // of which 30 of coffee and 20 of tea can be had, and no salt
constexpr int kPlaced = 50;

// What has come to a subscription of the topic, acked.
class Inbox {
 public:
  Inbox(const ServerProcess& server, const std::string& topic) {
    ClientOptions options;
    options.addresses = {server.grpc()};
    client_ = *Client::Create(std::move(options));
    SubscriptionSettings settings;
    settings.topics = {topic};
    subscriber_ = *Subscriber::Start(*client_, {.subscription = "billing",
                                                .create = settings,
                                                .handler = [this](Delivery& delivery) -> Status {
                                                  std::lock_guard lock(mutex_);
                                                  events_.push_back(delivery.event().ToEvent());
                                                  return {};
                                                }});
  }
  ~Inbox() { subscriber_->Stop(); }

  std::vector<Event> events() const {
    std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::optional<Client> client_;
  std::unique_ptr<Subscriber> subscriber_;
};

int NumberOf(const Event& event, const std::string& name) {
  std::smatch found;
  const std::regex member("\"" + name + "\": ?(-?[0-9]+)");
  if (!std::regex_search(event.payload, found, member)) {
    ADD_FAILURE() << "no " << name << " in " << event.payload;
    return -1;
  }
  return std::stoi(found[1]);
}

void RunsTheShop(const std::function<std::string(const PostgresServer&, const std::string&)>& url) {
  const char* example = std::getenv("POSTROAD_EXAMPLE");
  ASSERT_NE(example, nullptr) << "run by example.sh";
  PostgresServer database(PostgresServer::WithPort{});
  const std::string here = database.NewDatabase();
  const Ended installed = RunProgram({PostroadProgram(), "outbox", "install", "--url", here});
  ASSERT_EQ(installed.code, 0) << installed.output;
  ServerProcess server({.config = "[[outbox.source]]\nname = \"shop\"\nurl = \"" + here + "\"\n"});
  ASSERT_TRUE(server.ready());
  Inbox inbox(server, "orders");

  std::istringstream words(example);
  std::vector<std::string> command{std::istream_iterator<std::string>(words), {}};
  command.insert(command.end(), {url(database, here), std::to_string(kOrders)});
  const Ended ran = RunProgram(command);
  ASSERT_EQ(ran.code, 0) << ran.output;
  EXPECT_EQ(ran.output, "50 orders placed, 50 refused\n");
  // Comes behind all that the shop committed.
  PgSession sql(here);
  sql.Run("SELECT postroad_post('orders', 'closed', key => 'shop')");
  ASSERT_TRUE(Eventually([&] {
    const auto events = inbox.events();
    return !events.empty() && events.back().key == "shop";
  })) << inbox.events().size()
      << " events";

  std::map<std::string, std::vector<int>> left;  // by item
  std::map<std::string, std::string> orders;     // item by order
  std::vector<Event> events = inbox.events();
  events.pop_back();
  for (const Event& event : events) {
    EXPECT_EQ(event.type, "order.placed");
    EXPECT_EQ(event.content_type, "application/json");
    left[event.key].push_back(NumberOf(event, "left"));
    orders[std::to_string(NumberOf(event, "order"))] = event.key;
  }
  std::map<std::string, std::vector<int>> sold = {{"coffee", {}}, {"tea", {}}};
  for (int i = 29; i >= 0; --i) sold["coffee"].push_back(i);
  for (int i = 19; i >= 0; --i) sold["tea"].push_back(i);
  EXPECT_EQ(left, sold) << "each sale once, in order";
  std::map<std::string, std::string> stored;
  for (const auto& row : sql.Run("SELECT id, item FROM shop_order")) stored[row[0]] = row[1];
  EXPECT_EQ(stored.size(), static_cast<size_t>(kPlaced));
  EXPECT_EQ(orders, stored);
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(OutboxExample, Go) {
  RunsTheShop([](const PostgresServer&, const std::string& url) { return url; });
}

TEST(OutboxExample, Java) {
  RunsTheShop(
      [](const PostgresServer& server, const std::string& url) { return server.JdbcUrlOf(url); });
}

}  // namespace
}  // namespace postroad::testing
