// Which target gets what, and when a batch that went to several is done.
#include "outbox/routed_target.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <utility>

namespace postroad::outbox {
namespace {

// Keeps what it is sent until the test answers.
class HeldTarget final : public Target {
 public:
  struct Held {
    bool stopped = false;
    std::vector<std::string> ids;
    SendCompletion done;
  };

  explicit HeldTarget(Held& held) : held_(held) {}
  std::string_view name() const override { return "held"; }
  void Send(BatchPtr batch, SendCompletion done) override {
    for (const EventView& event : batch->events) held_.ids.emplace_back(event.id);
    held_.done = std::move(done);
  }
  void Stop() override { held_.stopped = true; }

 private:
  Held& held_;
};

class RoutedTargetTest : public ::testing::Test {
 protected:
  RoutedTargetTest() {
    std::vector<std::unique_ptr<Target>> targets;
    for (HeldTarget::Held& one : held) targets.push_back(std::make_unique<HeldTarget>(one));
    const auto topics = [](const std::string& text) { return *TopicSelector::Parse({text}, "t"); };
    target = NewRoutedTarget({{topics("a/*"), 0}, {topics("b"), 1}, {topics("a/x*"), 1}},
                             std::move(targets));
  }

  // Events "<place>" of these topics.
  void Send(const std::vector<std::string>& topics) {
    topics_ = topics;
    auto batch = std::make_shared<Batch>();
    for (size_t i = 0; i < topics_.size(); ++i) ids_.push_back(std::to_string(i));
    for (size_t i = 0; i < topics_.size(); ++i) {
      batch->events.push_back({.id = ids_[i], .topic = topics_[i]});
    }
    target->Send(batch, [this](std::vector<EventResult> given) { results = std::move(given); });
  }

  using Ids = std::vector<std::string>;
  HeldTarget::Held held[3];
  std::unique_ptr<Target> target;
  std::optional<std::vector<EventResult>> results;

 private:
  std::vector<std::string> topics_;
  std::deque<std::string> ids_;
};

TEST_F(RoutedTargetTest, TheFirstRouteThatMatchesHasTheEvent) {
  Send({"b", "a/1", "c", "a/xyz", "b", "_a", "a/1"});
  EXPECT_EQ(held[0].ids, (Ids{"1", "3", "6"}));
  EXPECT_EQ(held[1].ids, (Ids{"0", "4"}));
  EXPECT_EQ(held[2].ids, (Ids{"2", "5"}));
}

TEST_F(RoutedTargetTest, ABatchIsDoneWithTheLastOfItsParts) {
  Send({"b", "a/1", "c", "a/2"});
  held[0].done({{Outcome::kDuplicate}, {Outcome::kFailed, "away"}});
  held[2].done({{Outcome::kStored}});
  EXPECT_FALSE(results);
  held[1].done({{Outcome::kPoison, "large"}});
  EXPECT_EQ(results, (std::vector<EventResult>{{Outcome::kPoison, "large"},
                                               {Outcome::kDuplicate},
                                               {Outcome::kStored},
                                               {Outcome::kFailed, "away"}}));
}

TEST_F(RoutedTargetTest, ABatchOfOneTargetGoesAsItIs) {
  Send({"a/1", "a/2"});
  EXPECT_FALSE(held[1].done);
  EXPECT_FALSE(held[2].done);
  held[0].done({{Outcome::kStored}, {Outcome::kStored}});
  EXPECT_EQ(results->size(), 2u);
}

TEST_F(RoutedTargetTest, StopsAll) {
  target->Stop();
  for (const HeldTarget::Held& one : held) EXPECT_TRUE(one.stopped);
  EXPECT_EQ(target->name(), "held");
}

}  // namespace
}  // namespace postroad::outbox
