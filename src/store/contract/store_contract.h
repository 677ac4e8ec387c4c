// The suite that every implementation of Store passes. An implementation's test program links
// postroad_store_contract and names itself:
//
//   INSTANTIATE_TEST_SUITE_P(Rocks, StoreContract, testing::Values(&MakeRocksUnderTest));
#ifndef POSTROAD_STORE_CONTRACT_STORE_CONTRACT_H_
#define POSTROAD_STORE_CONTRACT_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "store/store.h"

namespace postroad::store {

// A store of its own for one test, gone with it.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual Store& store() = 0;
  // Closes the store in order and opens it again.
  virtual void Reopen() = 0;
  // A folder name that does not exist yet, on the store's file system.
  virtual std::string NewPath() = 0;
  // A store made from what Store::Backup left in `backup`.
  virtual std::unique_ptr<StoreUnderTest> Restore(const std::string& backup) = 0;
};
using MakeStoreUnderTest = std::unique_ptr<StoreUnderTest> (*)();

inline Timestamp At(int64_t seconds) {
  return Timestamp(std::chrono::seconds(1'700'000'000 + seconds));
}

class StoreContract : public testing::TestWithParam<MakeStoreUnderTest> {
 protected:
  Store& store() { return test_->store(); }
  StoreUnderTest& under_test() { return *test_; }

  // Appends one group, synced, and expects that it works.
  std::vector<Placement> Append(const std::vector<RunToAppend>& runs,
                                const std::vector<Mutation>& mutations = {}) {
    const auto placed = store().Append({.runs = runs, .mutations = mutations});
    EXPECT_TRUE(placed) << (placed ? "" : placed.error().ToString());
    return placed.value_or(std::vector<Placement>());
  }
  Placement Append(std::string_view topic, uint32_t count, std::string_view body,
                   Timestamp stored_at = At(0)) {
    const auto placed = Append({{topic, count, body, stored_at}});
    return placed.empty() ? Placement{} : placed.front();
  }
  TopicInfo Find(std::string_view topic) {
    const auto info = store().FindTopic(topic);
    EXPECT_TRUE(info) << topic;
    return info.value_or(TopicInfo{});
  }
  // "first+count:body" of each run read.
  std::vector<std::string> Read(TopicId topic, uint64_t from, size_t max_bytes = 1 << 20) {
    const auto runs = store().ReadRuns(topic, Offset(from), max_bytes);
    EXPECT_TRUE(runs) << (runs ? "" : runs.error().ToString());
    std::vector<std::string> out;
    if (!runs) return out;
    for (const RunPtr& run : *runs) {
      out.push_back(std::to_string(run->first.value()) + "+" + std::to_string(run->count) + ":" +
                    std::string(run->body));
    }
    return out;
  }
  // "position:topic@first+count" of each feed entry read.
  std::vector<std::string> Feed(uint64_t from, size_t limit = 1000) {
    const auto entries = store().ReadFeed(FeedPosition(from), limit);
    EXPECT_TRUE(entries) << (entries ? "" : entries.error().ToString());
    std::vector<std::string> out;
    if (!entries) return out;
    for (const FeedEntry& e : *entries) {
      out.push_back(std::to_string(e.position.value()) + ":" + e.topic_name + "@" +
                    std::to_string(e.first.value()) + "+" + std::to_string(e.count));
    }
    return out;
  }

 private:
  std::unique_ptr<StoreUnderTest> test_ = GetParam()();
};

using Strings = std::vector<std::string>;

}  // namespace postroad::store

#endif  // POSTROAD_STORE_CONTRACT_STORE_CONTRACT_H_
