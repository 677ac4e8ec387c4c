// What Enqueue measures, by StoreTimer: as values, as Prometheus's text, and told to an observer.
#include "postroad/outbox_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postroad::outbox {
namespace {

using ::testing::HasSubstr;

struct Seen final : StoreObserver {
  void OnStored(Duration took) override { stored.push_back(took); }
  void OnStoreError(Duration took) override { errors.push_back(took); }
  std::vector<Duration> stored, errors;
};

// The value of a line of Prometheus's text.
double ValueOf(const std::string& text, const std::string& line) {
  const size_t at = text.find("\n" + line + " ");
  return at == text.npos ? -1 : std::stod(text.substr(at + line.size() + 2));
}

TEST(StoreMetricsTest, CountsWhatIsStoredAndWhatFails) {
  const StoreMetrics before = GetStoreMetrics();
  {
    StoreTimer().Stored();
  }
  {
    StoreTimer timer;
    timer.Stored();
  }
  {
    const StoreTimer failed;
  }
  const StoreMetrics after = GetStoreMetrics();
  EXPECT_EQ(after.store.count - before.store.count, 2U);
  EXPECT_GT(after.store.seconds, before.store.seconds);
  EXPECT_EQ(after.errors - before.errors, 1U);
  EXPECT_GT(after.store.Mean(), 0);
}

TEST(StoreMetricsTest, ErrorsByException) {
  const StoreMetrics before = GetStoreMetrics();
  const auto write = [] {
    StoreTimer timer;
    throw 1;
    timer.Stored();
  };
  EXPECT_ANY_THROW(write());
  EXPECT_EQ(GetStoreMetrics().errors - before.errors, 1U);
  EXPECT_EQ(GetStoreMetrics().store.count, before.store.count);
}

TEST(StoreMetricsTest, GivesPrometheusText) {
  const std::string before = StoreMetricsText();
  {
    StoreTimer().Stored();
  }
  {
    const StoreTimer failed;
  }
  const std::string text = StoreMetricsText();
  EXPECT_THAT(text, HasSubstr("# TYPE postroad_outbox_store_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE postroad_outbox_store_errors_total counter\n"));
  for (const std::string line :
       {"postroad_outbox_store_seconds_bucket{le=\"+Inf\"}", "postroad_outbox_store_seconds_count",
        "postroad_outbox_store_seconds_bucket{le=\"10\"}", "postroad_outbox_store_errors_total"}) {
    EXPECT_EQ(ValueOf(text, line), ValueOf(before, line) + 1) << line;
  }
  EXPECT_GT(ValueOf(text, "postroad_outbox_store_seconds_sum"), 0);
}

TEST(StoreMetricsTest, TellsAnObserver) {
  const auto seen = std::make_shared<Seen>();
  SetStoreObserver(seen);
  {
    StoreTimer().Stored();
  }
  {
    const StoreTimer failed;
  }
  SetStoreObserver(nullptr);
  {
    StoreTimer().Stored();
  }
  EXPECT_EQ(seen->stored.size(), 1U);
  EXPECT_EQ(seen->errors.size(), 1U);
}

}  // namespace
}  // namespace postroad::outbox
