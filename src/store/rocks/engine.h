// RocksDB as the store uses it: column families, options, commits that survive a full disk, and its
// errors in our words. All of RocksDB that the store's other files see comes through here.
#ifndef POSTROAD_STORE_ROCKS_ENGINE_H_
#define POSTROAD_STORE_ROCKS_ENGINE_H_

#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/error.h"
#include "store/rocks/rocks_store.h"
#include "store/store.h"

namespace postroad::store {

enum class Family : size_t {
  kDefault,  // the store's own few values (kEpochKey, …)
  kRuns,
  kFeed,
  kTopics,
  kTrims,
  kFirstTable,  // one for each Table, in its order
};
inline constexpr size_t kTableCount = 6;
inline constexpr size_t kFamilyCount = static_cast<size_t>(Family::kFirstTable) + kTableCount;

inline Family FamilyOf(Table table) {
  return static_cast<Family>(static_cast<size_t>(Family::kFirstTable) + static_cast<size_t>(table));
}

inline rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToView(rocksdb::Slice slice) { return {slice.data(), slice.size()}; }

// DATA_LOSS reason STORE_CORRUPT, telling to run `postroad store check`.
Error CorruptError(const std::string& directory, const std::string& what);

class Engine {
 public:
  enum class Mode { kCreate, kOpen, kReadOnly };
  // `directory` must be locked by the caller. Errors as OpenRocksStore.
  static Result<std::unique_ptr<Engine>> Open(const RocksOptions& options, Mode mode);
  ~Engine();

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family f) { return families_[static_cast<size_t>(f)]; }
  const std::string& directory() const { return options_.directory; }

  std::unique_ptr<rocksdb::Iterator> Iterate(Family f, rocksdb::ReadOptions options = {});
  // Nothing if there is no such key.
  Result<bool> Get(Family f, std::string_view key, rocksdb::PinnableSlice& value);

  // An empty batch for Commit with the same `sync`.
  static rocksdb::WriteBatch NewBatch(bool sync, size_t reserve_bytes = 0);
  // Writes the batch, whole or not at all; with `sync` durable on return. After a full disk it
  // brings RocksDB back to writing once there is room.
  Status Commit(rocksdb::WriteBatch& batch, bool sync);
  // Free bytes on the file system, for this user.
  uint64_t FreeBytes() const;
  // RESOURCE_EXHAUSTED reason DISK_FULL while less than the reserve is free.
  Status CheckRoom() const;
  Error DiskFullError() const;
  // CorruptError, of a store that is open: the notices are told, too, though not each time.
  Error Corrupt(const std::string& what) const;
  Error FromRocks(const rocksdb::Status& status, const std::string& doing) const;

 private:
  explicit Engine(RocksOptions options) : options_(std::move(options)) {}
  bool Resume();

  const RocksOptions options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families_{};
  std::mutex resume_mutex_;
  mutable std::atomic<int64_t> damage_said_at_ = std::numeric_limits<int32_t>::min();  // s, steady
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_ENGINE_H_
