#include "journal/hot_tail.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>

namespace postroad::journal {
namespace {

// What a run costs beside its bytes: the object, its entries in the feed and under its topic.
constexpr uint64_t kRunOverhead = 384;

uint64_t CostOf(const store::Run& run) { return run.buffer.capacity() + kRunOverhead; }

}  // namespace

void HotTail::Topic::PopFront() {
  runs[head].run.reset();
  ++head;
  if (head >= 32 && head * 2 >= runs.size()) {
    runs.erase(runs.begin(), runs.begin() + static_cast<ptrdiff_t>(head));
    head = 0;
  }
}

HotTail::Garbage HotTail::Publish(std::span<const Published> group) {
  Garbage garbage;
  if (group.empty()) return garbage;
  std::unique_lock lock(mutex_);
  for (const Published& published : group) Append(published);
  const Published& last = group.back();
  feed_end_.store((last.position + last.run->count).value(), std::memory_order_release);
  Shrink(garbage);
  return garbage;
}

void HotTail::Append(const Published& published) {
  const RunPtr& run = published.run;
  auto [it, is_new] = topics_.try_emplace(run->topic);
  Topic& topic = it->second;
  if (is_new) {
    topic.name = std::make_shared<const std::string>(published.topic_name);
  }
  topic.runs.push_back({published.position, run});
  feed_.push_back({published.position, run->topic, topic.name, run->first, run->count, run});
  bytes_.fetch_add(CostOf(*run), std::memory_order_relaxed);
}

void HotTail::Shrink(Garbage& garbage) {
  while (!feed_.empty() && (bytes() > max_bytes_ || feed_.front().run == nullptr)) {
    RunPtr run = std::move(feed_.front().run);
    feed_.pop_front();
    if (run == nullptr) continue;
    bytes_.fetch_sub(CostOf(*run), std::memory_order_relaxed);
    const auto topic = topics_.find(run->topic);
    topic->second.PopFront();
    if (topic->second.empty()) topics_.erase(topic);
    garbage.push_back(std::move(run));
  }
}

std::optional<HotTail::TopicPart> HotTail::ReadTopic(TopicId id, Offset from,
                                                     size_t max_bytes) const {
  std::shared_lock lock(mutex_);
  const auto it = topics_.find(id);
  if (it == topics_.end()) return std::nullopt;
  const Topic& topic = it->second;
  TopicPart part{.next = topic.next(), .covers = from >= topic.first()};
  if (!part.covers) return part;
  const auto begin = topic.runs.begin() + static_cast<ptrdiff_t>(topic.head);
  auto run = std::partition_point(begin, topic.runs.end(),
                                  [&](const TopicRun& r) { return r.run->end() <= from; });
  for (size_t bytes = 0; run != topic.runs.end(); ++run) {
    bytes += run->run->body.size();
    if (bytes > max_bytes && !part.runs.empty()) break;
    part.runs.push_back(run->run);
  }
  return part;
}

std::optional<Offset> HotTail::TopicNext(TopicId topic) const {
  std::shared_lock lock(mutex_);
  const auto it = topics_.find(topic);
  if (it == topics_.end()) return std::nullopt;
  return it->second.next();
}

bool HotTail::ReadFeed(FeedPosition from, size_t max_runs, std::vector<FeedRun>& out) const {
  std::shared_lock lock(mutex_);
  if (feed_.empty() || from < feed_.front().position) return false;
  auto run = std::partition_point(feed_.begin(), feed_.end(),
                                  [&](const FeedRun& r) { return r.position + r.count <= from; });
  for (; run != feed_.end() && max_runs > 0; ++run, --max_runs) out.push_back(*run);
  return true;
}

FeedRun* HotTail::FindFeed(FeedPosition position) {
  const auto it = std::partition_point(feed_.begin(), feed_.end(),
                                       [&](const FeedRun& r) { return r.position < position; });
  return it != feed_.end() && it->position == position ? &*it : nullptr;
}

void HotTail::TrimTopic(TopicId id, Offset before) {
  Garbage garbage;
  std::unique_lock lock(mutex_);
  const auto it = topics_.find(id);
  if (it == topics_.end()) return;
  Topic& topic = it->second;
  while (!topic.empty() && topic.runs[topic.head].run->end() <= before) {
    TopicRun& front = topic.runs[topic.head];
    if (FeedRun* entry = FindFeed(front.position)) garbage.push_back(std::move(entry->run));
    bytes_.fetch_sub(CostOf(*front.run), std::memory_order_relaxed);
    topic.PopFront();
  }
  if (topic.empty()) topics_.erase(it);
  Shrink(garbage);
}

}  // namespace postroad::journal
