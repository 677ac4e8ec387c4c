// What the log target stores, in which order, and how it tells poison from trouble.
#include "outbox/log/log_target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "tests/support/stack.h"

namespace postroad::outbox {
namespace {

class LogTargetTest : public ::testing::Test {
 protected:
  ~LogTargetTest() override {
    stack.Stop();
    cores.Stop();
  }

  static Event Make(const std::string& topic, const std::string& id, std::string payload = "p") {
    return {.id = id, .topic = topic, .payload = std::move(payload)};
  }
  static BatchPtr BatchOf(std::vector<Event> events) {
    auto kept = std::make_shared<std::vector<Event>>(std::move(events));
    auto batch = std::make_shared<Batch>();
    for (const Event& event : *kept) batch->events.push_back(ViewOf(event));
    batch->storage = std::move(kept);
    return batch;
  }
  std::vector<EventResult> Send(BatchPtr batch) {
    std::promise<std::vector<EventResult>> results;
    target->Send(std::move(batch), [&](auto given) { results.set_value(std::move(given)); });
    return results.get_future().get();
  }
  std::vector<std::string> StoredIds(const std::string& topic) {
    std::vector<std::string> ids;
    const auto info = stack.journal().FindTopic(topic);
    if (!info) return ids;
    const auto read = stack.journal().ReadTopic(info->id, Offset(), 64 << 20);
    for (const auto& run : read->runs) {
      BodyReader reader(run->body);
      while (const auto record = reader.Next()) {
        EventView event;
        EXPECT_TRUE(ParseRecord(*record, event));
        ids.emplace_back(event.id);
      }
    }
    return ids;
  }

  CorePool cores{1};
  Metrics metrics;
  testing::Stack stack{cores, metrics};
  std::unique_ptr<Target> target = NewLogTarget(stack.broker(), cores.at(0));
};

TEST_F(LogTargetTest, StoresInOrderAndKnowsWhatItHas) {
  const auto first = Send(BatchOf({Make("a", "1"), Make("b", "2"), Make("a", "3")}));
  EXPECT_EQ(first, std::vector<EventResult>(3));
  const auto again = Send(BatchOf({Make("a", "3"), Make("a", "4")}));
  EXPECT_EQ(again[0].outcome, Outcome::kDuplicate);
  EXPECT_EQ(again[1].outcome, Outcome::kStored);
  EXPECT_EQ(StoredIds("a"), (std::vector<std::string>{"1", "3", "4"}));
  EXPECT_EQ(StoredIds("b"), (std::vector<std::string>{"2"}));
}

TEST_F(LogTargetTest, PoisonIsLeftOutWithItsReasonAndTheRestIsStored) {
  const auto results = Send(BatchOf({Make("", "1"), Make("a", "2"), Make("_own", "3"),
                                     Make("a", "4", std::string(9 << 20, 'x')), Make("a", "5")}));
  EXPECT_EQ(results[0].outcome, Outcome::kPoison);
  EXPECT_TRUE(results[0].reason.starts_with("topic: ")) << results[0].reason;
  EXPECT_EQ(results[1], EventResult{});
  EXPECT_EQ(results[2].outcome, Outcome::kPoison);
  EXPECT_EQ(results[3].outcome, Outcome::kPoison);
  EXPECT_NE(results[3].reason.find("larger"), std::string::npos) << results[3].reason;
  EXPECT_EQ(results[4], EventResult{});
  EXPECT_EQ(StoredIds("a"), (std::vector<std::string>{"2", "5"}));
  EXPECT_EQ(Send(BatchOf({Make("", "6")}))[0].outcome, Outcome::kPoison);
}

// A whole page of poison, alone and in turn with good events.
TEST_F(LogTargetTest, PoisonInAnyNumber) {
  std::vector<Event> bad, mixed;
  std::vector<std::string> ids;
  for (int i = 0; i < 100'000; ++i) bad.push_back(Make("_own", std::to_string(i)));
  for (int i = 0; i < 3'000; ++i) {
    mixed.push_back(Make(i % 2 == 0 ? "_own" : "mixed", std::to_string(i)));
    if (i % 2 != 0) ids.push_back(mixed.back().id);
  }
  const auto is_poison = [](const EventResult& each) { return each.outcome == Outcome::kPoison; };
  EXPECT_TRUE(std::ranges::all_of(Send(BatchOf(std::move(bad))), is_poison));
  const Counter& commits = metrics.GetCounter("postroad_journal_commits_total", "Group commits.");
  const auto before = commits.Value();
  EXPECT_EQ(std::ranges::count_if(Send(BatchOf(std::move(mixed))), is_poison), 1'500);
  EXPECT_EQ(StoredIds("mixed"), ids);
  EXPECT_LE(commits.Value() - before, 2u);
}

TEST_F(LogTargetTest, AFutureEventSentAgainIsScheduledOnce) {
  Event later = Make("later", "1");
  later.deliver_at = kLatestTime - std::chrono::hours(1);
  EXPECT_EQ(Send(BatchOf({later}))[0].outcome, Outcome::kStored);
  EXPECT_EQ(Send(BatchOf({later}))[0].outcome, Outcome::kDuplicate);
  journal::ScheduledQuery query;
  query.topic = "later";
  const auto page = stack.broker().ListScheduled(auth::Principal::Anyone(), query);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->events.size(), 1u);
}

TEST_F(LogTargetTest, ABatchLargerThanAPostGoesInSeveral) {
  std::vector<Event> events;
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) {
    ids.push_back(std::to_string(i));
    events.push_back(Make("large", ids.back(), std::string(500 << 10, 'x')));
  }
  EXPECT_EQ(Send(BatchOf(events)), std::vector<EventResult>(40));
  EXPECT_EQ(StoredIds("large"), ids);
}

TEST_F(LogTargetTest, WhatTheBrokerRefusesForNowHasFailed) {
  stack.broker().Drain();
  const auto results = Send(BatchOf({Make("a", "1"), Make("", "2"), Make("a", "3")}));
  EXPECT_EQ(results[0].outcome, Outcome::kFailed);
  EXPECT_NE(results[0].reason, "");
  EXPECT_EQ(results[2].outcome, Outcome::kFailed);
}

TEST_F(LogTargetTest, StoppedItSendsNoMore) {
  target->Stop();
  EXPECT_EQ(Send(BatchOf({Make("a", "1")}))[0].outcome, Outcome::kFailed);
  EXPECT_TRUE(StoredIds("a").empty());
}

}  // namespace
}  // namespace postroad::outbox
