#include "client/backoff.h"

#include <gtest/gtest.h>

namespace postroad::client {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FixedEnvironment final : public Environment {
 public:
  MonotonicTime Monotonic() const override { return now; }
  void Sleep(Duration duration, std::stop_token) override { now += duration; }
  double Random() override { return random; }
  MonotonicTime now{};
  double random = 0.5;  // no jitter
};

TEST(BackoffTest, DoublesUpToTheMaximum) {
  FixedEnvironment environment;
  Backoff backoff({.base = milliseconds(100), .max = milliseconds(1000)}, environment);
  for (const int expected : {100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(backoff.Next(), milliseconds(expected));
  }
}

TEST(BackoffTest, JitterSpreadsByTheShareAskedForBothWays) {
  FixedEnvironment environment;
  Backoff backoff({.base = seconds(1), .max = seconds(1), .jitter = 0.2}, environment);
  environment.random = 0;
  EXPECT_EQ(backoff.Next(), milliseconds(800));
  environment.random = 0.75;
  EXPECT_EQ(backoff.Next(), milliseconds(1100));
  environment.random = 0.9999999;
  EXPECT_LT(*backoff.Next(), milliseconds(1200));
  EXPECT_GT(*backoff.Next(), milliseconds(1199));
}

TEST(BackoffTest, BeginsAnewAfterAGoodConnection) {
  FixedEnvironment environment;
  Backoff backoff({.base = milliseconds(100), .max = seconds(30)}, environment);
  for (int i = 0; i < 5; ++i) (void)backoff.Next();
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), milliseconds(100));
  EXPECT_EQ(backoff.Next(), milliseconds(200));
}

TEST(BackoffTest, GivesUpOnceNothingWasGoodForLongEnough) {
  FixedEnvironment environment;
  Backoff backoff({.base = seconds(1), .max = seconds(1), .give_up_after = hours(24)}, environment);
  EXPECT_TRUE(backoff.Next());
  environment.now += hours(24) - seconds(1);
  EXPECT_TRUE(backoff.Next());
  environment.now += seconds(1);
  EXPECT_FALSE(backoff.Next());
  backoff.Reset();
  EXPECT_TRUE(backoff.Next());
}

TEST(BackoffTest, NeverGivesUpIfAskedNotTo) {
  FixedEnvironment environment;
  Backoff backoff({.give_up_after = Duration{}}, environment);
  (void)backoff.Next();
  environment.now += hours(24 * 365);
  EXPECT_TRUE(backoff.Next());
}

TEST(BackoffTest, LongestWaitDoesNotOverflow) {
  FixedEnvironment environment;
  Backoff backoff({.base = hours(24), .max = hours(24), .jitter = 0}, environment);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(backoff.Next(), hours(24));
}

TEST(BackoffTest, ChecksItsOptions) {
  EXPECT_TRUE(CheckBackoff({}));
  EXPECT_EQ(CheckBackoff({.base = Duration{}}).error().field, "backoff.base");
  EXPECT_EQ(CheckBackoff({.base = seconds(2), .max = seconds(1)}).error().field, "backoff.max");
  EXPECT_EQ(CheckBackoff({.jitter = 1}).error().field, "backoff.jitter");
  EXPECT_EQ(CheckBackoff({.give_up_after = seconds(-1)}).error().field, "backoff.give_up_after");
}

}  // namespace
}  // namespace postroad::client
