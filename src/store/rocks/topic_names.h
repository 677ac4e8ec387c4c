// Which names may be those of topics, so that RocksDB is asked for few that are not.
#ifndef POSTROAD_STORE_ROCKS_TOPIC_NAMES_H_
#define POSTROAD_STORE_ROCKS_TOPIC_NAMES_H_

#include <atomic>
#include <thread>

#include "store/rocks/engine.h"
#include "store/rocks/name_filter.h"

namespace postroad::store {

class TopicNames {
 public:
  // Reads the names that `engine` holds by now, in a thread of its own. `engine` outlives this.
  void Load(Engine& engine);

  // Before the topic is stored. By the appender.
  void Add(uint64_t hash) { added_.Add(hash); }
  // False: there is no topic with a name of this hash (HashOfName). Any thread. Always true
  // until the names are read.
  bool MayHold(uint64_t hash) const {
    return !loaded_.load(std::memory_order_acquire) || added_.MayHold(hash) ||
           stored_.MayHold(hash);
  }
  void Prefetch(uint64_t hash) const {
    added_.Prefetch(hash);
    stored_.Prefetch(hash);
  }

 private:
  NameFilter stored_;  // when the store was opened
  NameFilter added_;   // since
  std::atomic<bool> loaded_ = false;
  std::jthread loading_;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_TOPIC_NAMES_H_
