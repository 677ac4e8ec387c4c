// What is wrong with the calls of an application.
#include <gtest/gtest.h>

#include "postroad/postroad.h"

namespace postroad {
namespace {

TEST(BadUseTest, IsAnErrorThatNamesTheFieldBeforeAnythingIsSent) {
  EXPECT_EQ(Client::Create({.addresses = {}}).error().field, "addresses");
  EXPECT_EQ(Client::Create({.addresses = {"nowhere"}}).error().field, "addresses[0]");
  EXPECT_EQ(Client::Create({.addresses = {"h:99999"}}).error().field, "addresses[0]");
  EXPECT_EQ(Client::Create({.tls = {.enabled = true, .ca_file = "/none"}}).error().field,
            "tls.ca_file");
  EXPECT_EQ(Client::Create({.tls = {.ca_file = "/none"}}).error().field, "tls.enabled");
  EXPECT_EQ(Client::Create({.backoff = {.base = Duration{}}}).error().field, "backoff.base");
  EXPECT_EQ(Client::Create({.api_key = "a\nb"}).error().field, "api_key");

  const auto client = Client::Create({.addresses = {"127.0.0.1:1"}});
  ASSERT_TRUE(client);
  auto publisher = Publisher::Create(*client, {});
  EXPECT_EQ((*publisher)->Post(Event{}).error().field, "events[0].topic");
  EXPECT_EQ((*publisher)->Post(std::span<const Event>()).error().field, "events");
  const std::vector<Event> events = {{.topic = "a"}, {.topic = "a*"}};
  EXPECT_EQ((*publisher)->Post(events).error().field, "events[1].topic");
  EXPECT_EQ(Publisher::Create(*client, {.max_in_flight = 0}).error().field, "max_in_flight");

  const auto on_event = [](const ReadEvent&) { return Status{}; };
  EXPECT_EQ(Reader::Start(*client, {.on_event = on_event}).error().field, "topics");
  EXPECT_EQ(Reader::Start(*client, {.topics = {"a"}}).error().field, "on_event");
  EXPECT_EQ(Reader::Start(*client,
                          {.topics = {"a"}, .from = FromCursor{"nonsense"}, .on_event = on_event})
                .error()
                .field,
            "from.cursor");

  const auto handler = [](Delivery&) { return Status{}; };
  EXPECT_EQ(Subscriber::Start(*client, {.handler = handler}).error().field, "subscription");
  EXPECT_EQ(Subscriber::Start(*client, {.subscription = "s"}).error().field, "handler");
  EXPECT_EQ(Subscriber::Start(*client, {.subscription = "s",
                                        .concurrency = 2,
                                        .commit_mode = CommitMode::kBatch,
                                        .handler = handler})
                .error()
                .field,
            "concurrency");
  EXPECT_EQ(Admin(*client).GetTopic("").error().field, "name");
}

}  // namespace
}  // namespace postroad
