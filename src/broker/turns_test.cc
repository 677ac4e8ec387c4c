// Who gets an event where one is enough.
#include "broker/turns.h"

#include <gtest/gtest.h>

#include <deque>

namespace postroad::broker {
namespace {

// Runs what is posted when told to.
class Later final : public Executor {
 public:
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  Timer PostAfter(Duration, Task) override { return {}; }
  bool RunsHere() const override { return true; }
  void Run() {
    while (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<Task> tasks_;
};

class TurnsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Turns::Place> Enter(TurnOrder order, int& woken, uint64_t start = 5) {
    return turns_.Enter("t", order, Offset(start), executor_, [&woken] { ++woken; });
  }
  Later executor_;
  Turns turns_;
};

TEST_F(TurnsTest, TheNewestHasItAndTheOneBeforeGoesOn) {
  int first_woken = 0, second_woken = 0;
  const auto first = Enter(TurnOrder::kNewest, first_woken);
  first->SetReady(true);
  ASSERT_TRUE(first->Turn());
  EXPECT_EQ(first->Turn()->offset, Offset(5));
  auto second = Enter(TurnOrder::kNewest, second_woken, 99);
  EXPECT_FALSE(first->Turn());
  second->SetReady(true);
  ASSERT_TRUE(second->Turn());
  EXPECT_EQ(second->Turn()->offset, Offset(5));  // the place is shared
  second->Took(*second->Turn(), Offset(6));
  second->GiveBack({Offset(5)});
  second.reset();
  executor_.Run();
  EXPECT_EQ(first_woken, 1);
  ASSERT_TRUE(first->Turn());
  EXPECT_TRUE(first->Turn()->again);
  EXPECT_EQ(first->Turn()->offset, Offset(5));
  first->Took(*first->Turn(), Offset(6));
  EXPECT_FALSE(first->Turn()->again);
  EXPECT_EQ(first->Turn()->offset, Offset(6));
}

TEST_F(TurnsTest, OneAfterAnotherOfThoseThatAreReady) {
  int woken[3] = {};
  const auto a = Enter(TurnOrder::kOne, woken[0]), b = Enter(TurnOrder::kOne, woken[1]),
             c = Enter(TurnOrder::kOne, woken[2]);
  EXPECT_FALSE(a->Turn());  // nobody is ready
  a->SetReady(true);
  ASSERT_TRUE(a->Turn());
  c->SetReady(true);
  EXPECT_FALSE(c->Turn());
  a->Took(*a->Turn(), Offset(6));
  EXPECT_FALSE(a->Turn());
  ASSERT_TRUE(c->Turn());  // b is passed over
  EXPECT_EQ(c->Turn()->offset, Offset(6));
  executor_.Run();
  EXPECT_EQ(woken[2], 1);
  EXPECT_EQ(woken[1], 0);
  c->SetReady(false);
  EXPECT_TRUE(a->Turn());
  a->SetReady(false);
  EXPECT_FALSE(a->Turn());
  b->SetReady(true);
  EXPECT_TRUE(b->Turn());
}

TEST_F(TurnsTest, WhoLeavesPassesItsTurnAndIsNotWoken) {
  int woken[2] = {};
  auto a = Enter(TurnOrder::kOne, woken[0]);
  const auto b = Enter(TurnOrder::kOne, woken[1]);
  b->SetReady(true);
  a->SetReady(true);
  b->Took(*b->Turn(), Offset(6));  // wakes a
  a.reset();
  executor_.Run();
  EXPECT_EQ(woken[0], 0);
  EXPECT_EQ(woken[1], 1);
  EXPECT_TRUE(b->Turn());
}

TEST_F(TurnsTest, APlaceLastsAsLongAsOneSharesIt) {
  int woken = 0;
  auto a = Enter(TurnOrder::kOne, woken, 5);
  a.reset();
  a = Enter(TurnOrder::kOne, woken, 8);
  a->SetReady(true);
  EXPECT_EQ(a->Turn()->offset, Offset(8));
}

}  // namespace
}  // namespace postroad::broker
