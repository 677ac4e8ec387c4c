#include "journal/wait_registry.h"

namespace postroad::journal {

// One wait. Owned by who waits; linked in its list, under its shard's mutex, until it fires.
class WaitRegistry::Waiter final : public Wait {
 public:
  Waiter(std::shared_ptr<WaitRegistry> registry, Shard& shard, uint64_t from, Executor& executor,
         Task task)
      : registry(std::move(registry)),
        shard(shard),
        from(from),
        executor(executor),
        task(std::move(task)) {}
  ~Waiter() override { registry->Cancel(*this); }

  const std::shared_ptr<WaitRegistry> registry;
  Shard& shard;
  const uint64_t from;
  Executor& executor;
  // All below guarded by shard.mutex.
  Task task;
  std::string topic;     // empty: the feed
  List* list = nullptr;  // null once it fired or was cancelled
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
};

class WaitRegistry::HandOver {
 public:
  void Add(Waiter& waiter) {
    for (auto& [executor, tasks] : tasks_) {
      if (executor == &waiter.executor) return tasks.push_back(std::move(waiter.task));
    }
    tasks_.emplace_back(&waiter.executor, std::vector<Task>{})
        .second.push_back(std::move(waiter.task));
  }
  void Post() {
    for (auto& [executor, tasks] : tasks_) {
      executor->Post([tasks = std::move(tasks)]() mutable {
        for (Task& task : tasks) task();
      });
    }
  }

 private:
  std::vector<std::pair<Executor*, std::vector<Task>>> tasks_;
};

void WaitRegistry::List::Add(Waiter& waiter) {
  waiter.list = this;
  waiter.next = first;
  if (first != nullptr) first->previous = &waiter;
  first = &waiter;
}

void WaitRegistry::List::Remove(Waiter& waiter) {
  if (waiter.next != nullptr) waiter.next->previous = waiter.previous;
  (waiter.previous != nullptr ? waiter.previous->next : first) = waiter.next;
  waiter.previous = waiter.next = nullptr;
  waiter.list = nullptr;
}

WaitRegistry::Shard& WaitRegistry::ShardOf(std::string_view topic) {
  return shards_[NameHash{}(topic) % shards_.size()];
}

WaitPtr WaitRegistry::AddTopic(std::string_view topic, Offset from, Executor& executor, Task task) {
  Shard& shard = ShardOf(topic);
  auto waiter =
      std::make_unique<Waiter>(shared_from_this(), shard, from.value(), executor, std::move(task));
  waiter->topic = topic;
  topic_waiters_.fetch_add(1);
  std::lock_guard lock(shard.mutex);
  auto it = shard.topics.find(topic);
  if (it == shard.topics.end()) it = shard.topics.try_emplace(std::string(topic)).first;
  it->second.Add(*waiter);
  return waiter;
}

WaitPtr WaitRegistry::AddFeed(FeedPosition from, Executor& executor, Task task) {
  auto waiter =
      std::make_unique<Waiter>(shared_from_this(), feed_, from.value(), executor, std::move(task));
  std::lock_guard lock(feed_.mutex);
  feed_.feed.Add(*waiter);
  return waiter;
}

void WaitRegistry::Fire(Wait& wait) {
  auto& waiter = static_cast<Waiter&>(wait);
  HandOver out;
  {
    std::lock_guard lock(waiter.shard.mutex);
    if (closed_ || waiter.list == nullptr) return;
    waiter.list->Remove(waiter);
    out.Add(waiter);
  }
  Cancel(waiter);
  out.Post();
}

void WaitRegistry::Cancel(Waiter& waiter) {
  std::lock_guard lock(waiter.shard.mutex);
  if (waiter.list != nullptr) waiter.list->Remove(waiter);
  if (waiter.topic.empty()) return;
  const auto it = waiter.shard.topics.find(waiter.topic);
  if (it != waiter.shard.topics.end() && it->second.first == nullptr) waiter.shard.topics.erase(it);
  waiter.topic.clear();
  topic_waiters_.fetch_sub(1);
}

void WaitRegistry::WakeList(List& list, uint64_t next, HandOver& out) {
  for (Waiter* waiter = list.first; waiter != nullptr;) {
    Waiter* const following = waiter->next;
    if (waiter->from < next) {
      out.Add(*waiter);
      list.Remove(*waiter);
    }
    waiter = following;
  }
}

void WaitRegistry::Wake(std::span<const Grown> topics, FeedPosition feed_end) {
  if (closed_) return;
  HandOver out;
  if (topic_waiters_.load() > 0) {
    for (const Grown& grown : topics) {
      Shard& shard = ShardOf(grown.topic);
      std::lock_guard lock(shard.mutex);
      const auto it = shard.topics.find(grown.topic);
      if (it == shard.topics.end()) continue;
      WakeList(it->second, grown.next.value(), out);
      if (it->second.first == nullptr) shard.topics.erase(it);
    }
  }
  {
    std::lock_guard lock(feed_.mutex);
    WakeList(feed_.feed, feed_end.value(), out);
  }
  out.Post();
}

void WaitRegistry::Close() { closed_ = true; }

}  // namespace postroad::journal
