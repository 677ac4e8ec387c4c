// The clock and executor that other modules' tests stand on.
#include "runtime/manual_clock.h"

#include <gtest/gtest.h>

#include <vector>

namespace postroad {
namespace {

using std::chrono::seconds;

TEST(ManualClockTest, MovesOnlyWhenTold) {
  ManualClock clock;
  const Timestamp now = clock.Now();
  const MonotonicTime monotonic = clock.Monotonic();
  EXPECT_EQ(clock.Now(), now);
  clock.Advance(seconds(5));
  EXPECT_EQ(clock.Now() - now, seconds(5));
  EXPECT_EQ(clock.Monotonic() - monotonic, seconds(5));
  clock.JumpWall(seconds(-60));
  EXPECT_EQ(clock.Now() - now, seconds(-55));
  EXPECT_EQ(clock.Monotonic() - monotonic, seconds(5));
}

TEST(ManualExecutorTest, RunsPostedTasksInOrderWhenTold) {
  ManualClock clock;
  ManualExecutor executor(clock);
  std::vector<int> seen;
  executor.Post([&] {
    seen.push_back(1);
    executor.Post([&] { seen.push_back(3); });
  });
  executor.Post([&] { seen.push_back(2); });
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(executor.RunUntilIdle(), 3u);
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST(ManualExecutorTest, TimersRunAtTheirTimes) {
  ManualClock clock;
  ManualExecutor executor(clock);
  const MonotonicTime start = clock.Monotonic();
  std::vector<Duration> seen;
  Executor::Timer again;
  auto first = executor.PostAfter(seconds(10), [&] {
    seen.push_back(clock.Monotonic() - start);
    again = executor.PostAfter(seconds(10), [&] { seen.push_back(clock.Monotonic() - start); });
  });
  auto second = executor.PostAfter(seconds(5), [&] { seen.push_back(clock.Monotonic() - start); });
  auto cancelled = executor.PostAfter(seconds(7), [&] { seen.push_back(seconds(7)); });
  cancelled.Cancel();
  executor.Advance(seconds(19));
  EXPECT_EQ(seen, (std::vector<Duration>{seconds(5), seconds(10)}));
  executor.Advance(seconds(1));
  EXPECT_EQ(seen, (std::vector<Duration>{seconds(5), seconds(10), seconds(20)}));
  EXPECT_EQ(clock.Monotonic() - start, seconds(20));
}

TEST(ManualExecutorTest, ServesAsACorePool) {
  ManualClock clock;
  ManualExecutor one(clock), two(clock);
  CorePool pool({&one, &two});
  EXPECT_EQ(pool.size(), 2u);
  EXPECT_EQ(&pool.Next(), &one);
  EXPECT_EQ(&pool.Next(), &two);
}

}  // namespace
}  // namespace postroad
