// A store that hands every call to another, for tests that change one of them.
#ifndef POSTROAD_STORE_TESTING_H_
#define POSTROAD_STORE_TESTING_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace postroad::store {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(Store& real) : real_(real) {}

  Result<std::vector<Placement>> Append(const AppendGroup& group) override {
    return real_.Append(group);
  }
  Status Write(std::span<const Mutation> mutations, bool sync) override {
    return real_.Write(mutations, sync);
  }
  Epoch epoch() const override { return real_.epoch(); }
  bool clean_start() const override { return real_.clean_start(); }
  Result<TopicInfo> FindTopic(std::string_view name) override { return real_.FindTopic(name); }
  Result<TopicInfo> FindTopicById(TopicId id) override { return real_.FindTopicById(id); }
  Result<std::vector<TopicInfo>> ListTopics(std::string_view after, std::string_view prefix,
                                            size_t limit, bool with_bounds) override {
    return real_.ListTopics(after, prefix, limit, with_bounds);
  }
  Status DeleteTopic(std::string_view name) override { return real_.DeleteTopic(name); }
  Result<std::vector<RunPtr>> ReadRuns(TopicId topic, Offset from, size_t max_bytes) override {
    return real_.ReadRuns(topic, from, max_bytes);
  }
  Result<RunPtr> ReadRunAt(TopicId topic, Offset offset) override {
    return real_.ReadRunAt(topic, offset);
  }
  Result<Offset> OffsetAtTime(TopicId topic, Timestamp time) override {
    return real_.OffsetAtTime(topic, time);
  }
  Result<FeedBounds> ReadFeedBounds() override { return real_.ReadFeedBounds(); }
  Result<std::vector<FeedEntry>> ReadFeed(FeedPosition from, size_t limit) override {
    return real_.ReadFeed(from, limit);
  }
  Result<FeedPosition> PositionAtTime(Timestamp time) override {
    return real_.PositionAtTime(time);
  }
  Result<Offset> TrimTopic(TopicId topic, Offset before) override {
    return real_.TrimTopic(topic, before);
  }
  Status TrimFeed(FeedPosition before) override { return real_.TrimFeed(before); }
  Result<std::optional<std::string>> Get(Table table, std::string_view key) override {
    return real_.Get(table, key);
  }
  Result<std::vector<Entry>> Scan(Table table, std::string_view from, std::string_view to,
                                  size_t limit, bool reverse) override {
    return real_.Scan(table, from, to, limit, reverse);
  }
  Status Backup(const std::string& directory) override { return real_.Backup(directory); }
  Result<StoreStats> Stats() override { return real_.Stats(); }

 private:
  Store& real_;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_TESTING_H_
