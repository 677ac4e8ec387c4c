// Metrics and their text form.
#include "runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/histogram_totals.h"

namespace postroad {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, RendersTextFormat) {
  Metrics metrics;
  metrics.GetCounter("postroad_posts_total", "Posts taken.", {{"topic", "a\"b"}}).Add(3);
  metrics.GetGauge("postroad_streams", "Open streams.").Set(2);
  metrics.GetHistogram("postroad_wait_seconds", "Waits.", {0.5, 1}).Observe(0.7);
  const std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("# HELP postroad_posts_total Posts taken.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE postroad_posts_total counter\n"));
  EXPECT_THAT(text, HasSubstr("postroad_posts_total{topic=\"a\\\"b\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("postroad_streams 2\n"));
  EXPECT_THAT(text, HasSubstr("postroad_wait_seconds_bucket{le=\"0.5\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("postroad_wait_seconds_bucket{le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("postroad_wait_seconds_count 1\n"));
}

TEST(MetricsTest, TellsTotalsOfHistograms) {
  Metrics metrics;
  Histogram& waits = metrics.GetHistogram("postroad_wait_seconds", "Waits.", {0.5, 1});
  waits.Observe(0.25);
  waits.Observe(2);
  EXPECT_EQ(TotalsOf(waits).count, 2U);
  EXPECT_EQ(TotalsOf(waits).sum, 2.25);
}

TEST(MetricsTest, NoHistogramsSumEverFalls) {
  Metrics metrics;
  Histogram& waits = metrics.GetHistogram("postroad_wait_seconds", "Waits.", {0.5, 1});
  waits.Observe(0.25);
  waits.Observe(-3);
  EXPECT_EQ(TotalsOf(waits).count, 2U);
  EXPECT_EQ(TotalsOf(waits).sum, 0.25);
}

TEST(MetricsTest, SameNameAndLabelsIsTheSameMetric) {
  Metrics metrics;
  Counter& one = metrics.GetCounter("postroad_x_total", "X.", {{"a", "1"}});
  Counter& other = metrics.GetCounter("postroad_x_total", "X.", {{"a", "2"}});
  EXPECT_EQ(&one, &metrics.GetCounter("postroad_x_total", "X.", {{"a", "1"}}));
  EXPECT_NE(&one, &other);
  one.Add();
  EXPECT_EQ(one.Value(), 1);
  EXPECT_EQ(other.Value(), 0);
}

TEST(MetricsTest, RefreshesBeforeRenderingWhileRegistered) {
  Metrics metrics;
  int calls = 0;
  auto registration =
      metrics.OnRender([&] { metrics.GetGauge("postroad_calls", "Calls.").Set(++calls); });
  EXPECT_THAT(metrics.Render(), HasSubstr("postroad_calls 1\n"));
  EXPECT_THAT(metrics.Render(), HasSubstr("postroad_calls 2\n"));
  registration.reset();
  EXPECT_THAT(metrics.Render(), HasSubstr("postroad_calls 2\n"));
}

TEST(MetricsTest, ListsFamiliesByName) {
  Metrics metrics;
  metrics.GetGauge("postroad_b", "B.");
  metrics.GetCounter("postroad_a_total", "A.", {{"code", "OK"}, {"method", "Post"}});
  const auto families = metrics.Families();
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name, "postroad_a_total");
  EXPECT_EQ(families[0].type, "counter");
  EXPECT_EQ(families[0].help, "A.");
  EXPECT_EQ(families[0].labels, (std::vector<std::string>{"code", "method"}));
  EXPECT_EQ(families[1].type, "gauge");
}

TEST(MetricsDeathTest, TwoTypesUnderOneNameEndTheProcess) {
  EXPECT_DEATH(
      {
        Metrics metrics;
        metrics.GetGauge("postroad_x", "X.");
        metrics.GetCounter("postroad_x", "X.");
      },
      "metric declared twice");
}

TEST(MetricsTest, WhatIsKeptNoLongerIsShownNoMore) {
  Metrics metrics;
  const Labels labels = {{"subscription", "s"}};
  const auto count = [&] { metrics.GetCounter("postroad_a_total", "A.", labels).Add(); };
  metrics.GetCounter("postroad_a_total", "A.", {{"subscription", "other"}}).Add();
  auto first = metrics.Keep(labels);
  auto second = metrics.Keep(labels);
  count();
  metrics.GetGauge("postroad_b", "B.", labels).Set(1);
  metrics.GetHistogram("postroad_c_seconds", "C.", {1}, labels).Observe(1);
  first.reset();
  EXPECT_THAT(metrics.Render(), HasSubstr("postroad_a_total{subscription=\"s\"} 1"));
  second.reset();
  EXPECT_THAT(metrics.Render(), Not(HasSubstr("{subscription=\"s\"")));
  EXPECT_THAT(metrics.Render(), HasSubstr("postroad_a_total{subscription=\"other\"} 1"));
  first = metrics.Keep(labels);
  count();
  EXPECT_THAT(metrics.Render(), HasSubstr("postroad_a_total{subscription=\"s\"} 1"));
}

}  // namespace
}  // namespace postroad
