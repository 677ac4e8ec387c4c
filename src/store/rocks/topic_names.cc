// Reads the names of the topics stored.
#include "store/rocks/topic_names.h"

#include <pthread.h>

#include "core/name_index.h"

namespace postroad::store {

void TopicNames::Load(Engine& engine) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  // Made here, so that it sees what was stored before the first append and nothing after.
  auto names = engine.Iterate(Family::kTopics, options);
  names->SeekToFirst();
  loaded_ = !names->Valid() && names->status().ok();
  if (loaded_) return;
  loading_ = std::jthread([this, names = std::move(names)](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), "names");
    for (; names->Valid() && !stop.stop_requested(); names->Next()) {
      stored_.Add(HashOfName(ToView(names->key())));
    }
    // Where they cannot be read, RocksDB is asked for each name, and says so itself.
    loaded_ = !stop.stop_requested() && names->status().ok();
  });
}

}  // namespace postroad::store
