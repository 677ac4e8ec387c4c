// What the store says about itself.
#include <filesystem>

#include "store/rocks/rocks_store_impl.h"

namespace postroad::store {
namespace {

uint64_t FileBytes(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code ignored;  // files come and go meanwhile
  for (const auto& file : std::filesystem::directory_iterator(directory, ignored)) {
    const auto size = file.file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

}  // namespace

Result<StoreStats> RocksStore::Stats() {
  StoreStats stats;
  stats.disk_bytes = FileBytes(engine_->directory());
  stats.free_disk_bytes = engine_->FreeBytes();
  stats.topics = topics_;
  POSTROAD_ASSIGN(stats.feed, ReadFeedBounds());
  for (const char* property :
       {"rocksdb.cur-size-all-mem-tables", "rocksdb.block-cache-usage",
        "rocksdb.total-sst-files-size", "rocksdb.estimate-pending-compaction-bytes",
        "rocksdb.num-files-at-level0", "rocksdb.background-errors"}) {
    std::string value;
    if (engine_->db().GetProperty(engine_->family(Family::kRuns), property, &value)) {
      stats.details.emplace_back(property, value);
    }
  }
  stats.details.emplace_back("topics-cached", std::to_string(cache_.size()));
  return stats;
}

}  // namespace postroad::store
