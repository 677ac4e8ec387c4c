// How RocksDB is set up for the store.
#include "store/rocks/engine_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "store/rocks/engine.h"

namespace postroad::store {
namespace {

// In the order of Family.
constexpr std::array<const char*, kFamilyCount> kFamilyNames = {
    "default",       "runs",         "feed",     "topics", "trims", "schedule",
    "subscriptions", "dead_letters", "receipts", "dedup",  "meta"};

// After an error RocksDB would try to recover every few seconds, and refuse Resume meanwhile;
// Engine::Commit does it as soon as there is room.
class NoAutomaticRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// RocksDB's errors go to the log of the program. Not to a file of its own: RocksDB 7.8 dies of a
// full disk when that file meets it.
class NoticeLogger final : public rocksdb::Logger {
 public:
  explicit NoticeLogger(std::function<void(const std::string&)> notice)
      : rocksdb::Logger(rocksdb::InfoLogLevel::ERROR_LEVEL), notice_(std::move(notice)) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    if (!notice_) return;
    char line[512];
    std::vsnprintf(line, sizeof line, format, arguments);
    notice_(std::string("RocksDB: ") + line);
  }

 private:
  const std::function<void(const std::string&)> notice_;
};

rocksdb::BlockBasedTableOptions TableOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // Index and filters are in the cache too, so that it bounds all memory of readers.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 8 << 10;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  return table;
}

// Each post to a new topic puts a key that is in no order. Whether a name is there is asked of few
// that are not (topic_names.h), so that the lists in memory need no filter. They stay sorted as
// they are filled: a hash table would fill faster, but cost more when it is flushed.
void SetUpTopics(rocksdb::ColumnFamilyOptions& topics,
                 const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table = TableOptions(cache);
  // Filters stay in memory while their files are open: 10 bits a topic.
  table.cache_index_and_filter_blocks = false;
  table.block_size = 4 << 10;
  topics.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  topics.write_buffer_size = 4 << 20;
  // Few files hold a name that is looked for, as their filters tell.
  topics.level0_file_num_compaction_trigger = 16;
  topics.level0_slowdown_writes_trigger = 32;
  topics.level0_stop_writes_trigger = 48;
}

}  // namespace

rocksdb::DBOptions MakeDbOptions(const RocksOptions& options) {
  rocksdb::DBOptions db;
  db.db_write_buffer_size = options.write_buffer_bytes;
  // What a start after a crash has to replay.
  db.max_total_wal_size = std::max<uint64_t>(options.write_buffer_bytes, 16 << 20);
  // Files are opened when they are read, not all at the start.
  db.max_open_files = 256;
  db.skip_stats_update_on_db_open = true;
  db.max_background_jobs = 2;
  // A flush or compaction has no more than this on its way to the disk, or the log's fsync would
  // wait for all that it wrote.
  db.bytes_per_sync = 1 << 20;
  db.strict_bytes_per_sync = true;
  // wal_scan has looked at the log before: nothing whole follows where this mode stops.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.info_log = std::make_shared<NoticeLogger>(options.notice);
  db.max_manifest_file_size = 16 << 20;
  // Flushes and compactions must be done in time, not at once; an append waits for its own thread.
  for (const auto pool : {rocksdb::Env::HIGH, rocksdb::Env::LOW})
    (void)db.env->LowerThreadPoolCPUPriority(pool, rocksdb::CpuPriority::kLow);
  db.stats_dump_period_sec = 0;  // nothing to do when idle
  db.stats_persist_period_sec = 0;
  db.allow_concurrent_memtable_write = false;  // there is one appender
  db.max_bgerror_resume_count = 0;
  db.listeners.push_back(std::make_shared<NoAutomaticRecovery>());
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> MakeFamilies(const RocksOptions& options) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, 2);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilyNames) {
    rocksdb::ColumnFamilyOptions family;
    family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableOptions(cache)));
    family.write_buffer_size = std::max<uint64_t>(options.write_buffer_bytes / 2, 1 << 20);
    family.compression = rocksdb::kNoCompression;
    families.emplace_back(name, family);
  }
  // Runs and commits are sought, never looked up by their key: a filter would be of no use.
  rocksdb::BlockBasedTableOptions unfiltered = TableOptions(cache);
  unfiltered.filter_policy.reset();
  for (const Family family : {Family::kRuns, Family::kFeed}) {
    families[static_cast<size_t>(family)].options.table_factory.reset(
        rocksdb::NewBlockBasedTableFactory(unfiltered));
  }
  auto& runs = families[static_cast<size_t>(Family::kRuns)].options;
  // Files with many deletions in a row are compacted soon, so that retention frees space.
  runs.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512));
  SetUpTopics(families[static_cast<size_t>(Family::kTopics)].options, cache);
  return families;
}

}  // namespace postroad::store
