#include "journal/wait_registry.h"

namespace postroad::journal {

// One wait. Owned by who waits; linked in its list, under its shard's mutex, until it fires.
class WaitRegistry::Waiter final : public Wait {
 public:
  Waiter(std::shared_ptr<WaitRegistry> registry, Shard& shard, uint64_t from, Executor& executor,
         Task task)
      : registry(std::move(registry)),
        shard(shard),
        executor(executor),
        task(std::make_shared<Task>(std::move(task))),
        from(from) {}
  ~Waiter() override { registry->Leave(*this); }

  const std::shared_ptr<WaitRegistry> registry;
  Shard& shard;
  Executor& executor;
  // Shared with hand-overs under way.
  const std::shared_ptr<Task> task;
  List* list = nullptr;  // set once
  // All below guarded by shard.mutex.
  uint64_t from;
  bool linked = false;  // false once it fired
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
};

class WaitRegistry::HandOver {
 public:
  void Add(Waiter& waiter) {
    for (auto& [executor, tasks] : tasks_) {
      if (executor == &waiter.executor) return tasks.push_back(waiter.task);
    }
    tasks_.emplace_back(&waiter.executor, Tasks{waiter.task});
  }
  void Post() {
    for (auto& [executor, tasks] : tasks_) {
      executor->Post([tasks = std::move(tasks)] {
        for (const auto& task : tasks) (*task)();
      });
    }
  }

 private:
  using Tasks = std::vector<std::shared_ptr<Task>>;
  std::vector<std::pair<Executor*, Tasks>> tasks_;
};

void WaitRegistry::List::Add(Waiter& waiter) {
  waiter.linked = true;
  waiter.next = first;
  if (first != nullptr) first->previous = &waiter;
  first = &waiter;
}

void WaitRegistry::List::Remove(Waiter& waiter) {
  if (waiter.next != nullptr) waiter.next->previous = waiter.previous;
  (waiter.previous != nullptr ? waiter.previous->next : first) = waiter.next;
  waiter.previous = waiter.next = nullptr;
  waiter.linked = false;
}

WaitRegistry::Shard& WaitRegistry::ShardOf(std::string_view topic) {
  return shards_[NameHash{}(topic) % shards_.size()];
}

WaitPtr WaitRegistry::AddTopic(std::string_view topic, Offset from, Executor& executor, Task task) {
  Shard& shard = ShardOf(topic);
  auto waiter =
      std::make_unique<Waiter>(shared_from_this(), shard, from.value(), executor, std::move(task));
  topic_waiters_.fetch_add(1);
  std::lock_guard lock(shard.mutex);
  auto it = shard.topics.find(topic);
  if (it == shard.topics.end()) {
    it = shard.topics.try_emplace(std::string(topic)).first;
    it->second.topic = it->first;
  }
  waiter->list = &it->second;
  ++waiter->list->users;
  waiter->list->Add(*waiter);
  return waiter;
}

WaitPtr WaitRegistry::AddFeed(FeedPosition from, Executor& executor, Task task) {
  auto waiter =
      std::make_unique<Waiter>(shared_from_this(), feed_, from.value(), executor, std::move(task));
  std::lock_guard lock(feed_.mutex);
  waiter->list = &feed_.feed;
  waiter->list->Add(*waiter);
  return waiter;
}

void WaitRegistry::Again(Wait& wait, uint64_t from) {
  auto& waiter = static_cast<Waiter&>(wait);
  std::lock_guard lock(waiter.shard.mutex);
  waiter.from = from;
  if (!waiter.linked) waiter.list->Add(waiter);
}

void WaitRegistry::Fire(Wait& wait) {
  auto& waiter = static_cast<Waiter&>(wait);
  HandOver out;
  {
    std::lock_guard lock(waiter.shard.mutex);
    if (closed_ || !waiter.linked) return;
    waiter.list->Remove(waiter);
    out.Add(waiter);
  }
  out.Post();
}

void WaitRegistry::Leave(Waiter& waiter) {
  std::lock_guard lock(waiter.shard.mutex);
  if (waiter.linked) waiter.list->Remove(waiter);
  if (waiter.list == &feed_.feed) return;
  topic_waiters_.fetch_sub(1);
  if (--waiter.list->users > 0) return;
  waiter.shard.topics.erase(waiter.shard.topics.find(waiter.list->topic));
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
      if (it != shard.topics.end()) WakeList(it->second, grown.next.value(), out);
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
