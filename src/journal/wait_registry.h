// Readers that wait for a topic, or the feed, to grow.
#ifndef POSTROAD_JOURNAL_WAIT_REGISTRY_H_
#define POSTROAD_JOURNAL_WAIT_REGISTRY_H_

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "journal/journal.h"

namespace postroad::journal {

// Thread-safe. A waiter is registered first and then looks whether what it waits for has come
// already; Wake is called after growth is visible. So none is missed.
class WaitRegistry : public std::enable_shared_from_this<WaitRegistry> {
 public:
  struct Grown {
    std::string_view topic;
    Offset next;
  };

  // The task goes to `executor` once Wake says that the topic's next is beyond `from`.
  WaitPtr AddTopic(std::string_view topic, Offset from, Executor& executor, Task task);
  WaitPtr AddFeed(FeedPosition from, Executor& executor, Task task);
  // Sets the wait again, from another offset or position, whether it has fired or not.
  void Again(Wait& wait, uint64_t from);
  // Fires this one wait now, if it has not fired.
  void Fire(Wait& wait);

  // Fires what waits for these topics and for the feed, with one hand-over an executor.
  void Wake(std::span<const Grown> topics, FeedPosition feed_end);

  // No wait fires after this returns.
  void Close();

 private:
  class Waiter;
  // Waiters for one thing, doubly linked so that each can leave by itself. Those that have fired
  // are not among them, but it stays as long as they do.
  struct List {
    Waiter* first = nullptr;
    size_t users = 0;
    std::string_view topic;  // its key; of the feed's, none
    void Add(Waiter& waiter);
    void Remove(Waiter& waiter);
  };
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, List, NameHash, std::equal_to<>> topics;
    List feed;  // of feed_ alone
  };
  // The tasks that go to each executor.
  class HandOver;

  Shard& ShardOf(std::string_view topic);
  void Leave(Waiter& waiter);
  static void WakeList(List& list, uint64_t next, HandOver& out);

  std::array<Shard, 16> shards_;
  Shard feed_;
  std::atomic<size_t> topic_waiters_ = 0;
  std::atomic<bool> closed_ = false;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_WAIT_REGISTRY_H_
