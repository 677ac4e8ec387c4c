// Executors and their pool, on real threads.
#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace postroad {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(CorePoolTest, RunsTasksInTheOrderPostedOnOneThread) {
  CorePool pool(2);
  std::vector<int> seen;
  std::promise<void> done;
  for (int i = 0; i < 1000; ++i) {
    pool.at(1).Post([&, i] {
      EXPECT_TRUE(pool.at(1).RunsHere());
      EXPECT_FALSE(pool.at(0).RunsHere());
      seen.push_back(i);
    });
  }
  pool.at(1).Post([&] { done.set_value(); });
  done.get_future().wait();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[i], i);
  EXPECT_FALSE(pool.at(1).RunsHere());
}

TEST(CorePoolTest, NextTakesTurns) {
  CorePool pool(3);
  EXPECT_EQ(pool.size(), 3u);
  EXPECT_EQ(&pool.Next(), &pool.at(0));
  EXPECT_EQ(&pool.Next(), &pool.at(1));
  EXPECT_EQ(&pool.Next(), &pool.at(2));
  EXPECT_EQ(&pool.Next(), &pool.at(0));
}

TEST(CorePoolTest, PostNeverRunsInline) {
  CorePool pool(1);
  std::promise<bool> inline_run;
  pool.at(0).Post([&] {
    bool posted_task_ran = false;
    auto flag = std::make_shared<bool>(false);
    pool.at(0).Post([flag] { *flag = true; });
    posted_task_ran = *flag;
    inline_run.set_value(posted_task_ran);
  });
  EXPECT_FALSE(inline_run.get_future().get());
}

TEST(CorePoolTest, TimersRunInOrderOfTheirTimes) {
  CorePool pool(1);
  std::vector<int> seen;
  std::promise<void> done;
  // Set from outside and from the thread itself, later ones first.
  auto late = pool.at(0).PostAfter(milliseconds(30), [&] {
    seen.push_back(3);
    done.set_value();
  });
  auto middle = pool.at(0).PostAfter(milliseconds(15), [&] { seen.push_back(2); });
  Executor::Timer early;
  pool.at(0).Post(
      [&] { early = pool.at(0).PostAfter(milliseconds(1), [&] { seen.push_back(1); }); });
  done.get_future().wait();
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST(CorePoolTest, CancelledTimerDoesNotRunAndFreesItsTask) {
  CorePool pool(1);
  auto held = std::make_shared<int>(0);
  std::weak_ptr<int> watch = held;
  std::promise<void> done;
  pool.at(0).Post([&] {
    auto cancelled = pool.at(0).PostAfter(milliseconds(0), [held = std::move(held)] { ++*held; });
    EXPECT_TRUE(cancelled);
    cancelled.Cancel();
    EXPECT_FALSE(cancelled);
    EXPECT_TRUE(watch.expired());
    // A later timer still fires, though the one that woke the thread is gone.
    static Executor::Timer next;
    next = pool.at(0).PostAfter(milliseconds(1), [&] { done.set_value(); });
  });
  done.get_future().wait();
}

TEST(CorePoolTest, TimerMayDropItselfWhileItRuns) {
  CorePool pool(1);
  Executor::Timer timer;
  std::promise<void> done;
  pool.at(0).Post([&] {
    timer = pool.at(0).PostAfter(milliseconds(0), [&] {
      timer.Cancel();
      done.set_value();
    });
  });
  done.get_future().wait();
}

TEST(CorePoolTest, StopDestroysWhatDidNotRun) {
  auto held = std::make_shared<int>(0);
  std::weak_ptr<int> posted = held;
  CorePool pool(1);
  std::latch running(1), go_on(1);
  pool.at(0).Post([&] {
    running.count_down();
    go_on.wait();
  });
  running.wait();
  bool ran = false;
  pool.at(0).Post([&ran, held] { ran = true; });
  auto timer = pool.at(0).PostAfter(hours(1), [&ran, held] { ran = true; });
  held.reset();
  std::thread stopper([&] { pool.Stop(); });
  // Once stopping has begun, Post drops its task at once.
  while (true) {
    auto probe = std::make_shared<int>(0);
    pool.at(0).Post([probe] {});
    if (probe.use_count() == 1) break;
    std::this_thread::yield();
  }
  go_on.count_down();
  stopper.join();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(posted.expired());
  pool.Stop();
}

// Without it only what the standard library prints, if anything, would tell.
TEST(CorePoolDeathTest, WhatEndsACoreIsLogged) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto fail = [] {
    CorePool pool(1);
    pool.at(0).Post([] { throw std::runtime_error("the bug"); });
    std::this_thread::sleep_for(std::chrono::minutes(1));
  };
  EXPECT_DEATH(fail(), "a task ended by an exception.*the bug");
}

}  // namespace
}  // namespace postroad
