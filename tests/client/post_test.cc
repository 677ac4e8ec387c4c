// Posting to the real server: P1 to P6 of scenarios.md.
#include <future>

#include "client/fixture.h"

namespace postroad::testing {
namespace {

TEST_F(ClientTest, P1ResultsComeInOrderWithOffsetsAndDurability) {
  auto publisher = NewPublisher(Connect());
  const std::vector<Event> events = {{.topic = "a"}, {.topic = "b"}, {.id = "mine", .topic = "a"}};
  const auto results = publisher->Post(events);
  ASSERT_TRUE(results) << results.error().ToString();
  ASSERT_EQ(results->size(), 3u);
  EXPECT_EQ((*results)[0].offset, Offset(0));
  EXPECT_EQ((*results)[1].offset, Offset(0));
  EXPECT_EQ((*results)[2].offset, Offset(1));
  EXPECT_EQ((*results)[0].id.size(), 36u);
  EXPECT_EQ((*results)[2].id, "mine");
  EXPECT_EQ((*results)[0].durability, PostDurability::kDisk);
}

TEST_F(ClientTest, P2TheSameIdTwiceIsOneEvent) {
  auto publisher = NewPublisher(Connect());
  const Event event{.id = "once", .topic = "a", .payload = "x"};
  ASSERT_FALSE(publisher->Post(event)->duplicate);
  const auto again = publisher->Post(event);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->offset, Offset(0));
  EXPECT_EQ(ReadAll("a").size(), 1u);
}

TEST_F(ClientTest, P3AnEventOverTheLimitIsRefusedAlone) {
  // All three go in one batch: it waits for them.
  auto publisher = NewPublisher(Connect(), {.linger = seconds(3600), .max_in_flight = 1});
  ASSERT_TRUE(publisher->Post({.topic = "a", .payload = "0"}));
  std::vector<std::future<Result<std::vector<PostResult>>>> answers;
  for (const std::string& payload :
       {std::string("1"), std::string((1 << 20) + 1, 'x'), std::string("2")}) {
    auto promise = std::make_shared<std::promise<Result<std::vector<PostResult>>>>();
    answers.push_back(promise->get_future());
    ASSERT_TRUE(publisher->PostAsync(Event{.topic = "a", .payload = payload},
                                     [promise](auto r) { promise->set_value(std::move(r)); }));
  }
  EXPECT_TRUE(answers[0].get());
  const auto refused = answers[1].get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(refused.error().field.starts_with("events[0]")) << refused.error().ToString();
  EXPECT_TRUE(answers[2].get());
  EXPECT_EQ(ReadAll("a"), Numbers(3));
}

TEST_F(ClientTest, P4ManyThreadsShareOnePublisher) {
  auto publisher = NewPublisher(Connect());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_TRUE(publisher->Post({.topic = "shared"}));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ReadAll("shared").size(), 800u);
  EXPECT_EQ(publisher->stats().acked, 800u);
}

TEST_F(ClientTest, P5ASmallBufferBlocksAndGoesOn) {
  auto publisher = NewPublisher(Connect(), {.max_buffered_bytes = 2000});
  for (const std::string& number : Numbers(500)) {
    ASSERT_TRUE(publisher->PostAsync(Event{.topic = "a", .payload = number}, {}));
  }
  ASSERT_TRUE(publisher->Close());
  EXPECT_EQ(ReadAll("a"), Numbers(500));
}

TEST_F(ClientTest, P6LargeCallsGoThrough) {
  auto publisher = NewPublisher(Connect());
  std::vector<Event> events;
  for (const std::string& number : Numbers(10'000)) {
    events.push_back({.topic = "a", .payload = number});
  }
  const auto results = publisher->Post(events);
  ASSERT_TRUE(results) << results.error().ToString();
  EXPECT_EQ(results->back().offset, Offset(9'999));
  events.push_back({.topic = "a"});
  EXPECT_EQ(publisher->Post(events).error().field, "events");
  events.assign(9, {.topic = "a", .payload = std::string(1'000'000, 'x')});
  EXPECT_EQ(publisher->Post(events).error().reason, "BATCH_TOO_LARGE");
  events.resize(8);
  EXPECT_TRUE(publisher->Post(events));
}

}  // namespace
}  // namespace postroad::testing
