// The embedded store, on RocksDB. docs/formats/store.md describes what it keeps on disk.
#ifndef POSTROAD_STORE_ROCKS_ROCKS_STORE_H_
#define POSTROAD_STORE_ROCKS_ROCKS_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/store.h"

namespace postroad::store {

struct RocksOptions {
  std::string directory;                   // made if missing
  uint64_t write_buffer_bytes = 64 << 20;  // memtables, all together
  uint64_t block_cache_bytes = 32 << 20;
  uint64_t disk_reserve_bytes = 64 << 20;  // posts are refused while less than this is free
  // Called with a line for the log where recovery had something to say ("the log's torn tail …") or
  // the engine met an error. From any thread, as long as the store is open.
  std::function<void(const std::string&)> notice;
};

// Opens, creating it if the directory is empty. Errors:
// FAILED_PRECONDITION reason STORE_LOCKED: another process has it (names the process id if known);
// FAILED_PRECONDITION reason NEWER_FORMAT: written by a later version;
// DATA_LOSS reason STORE_CORRUPT: corrupted within; says to run `postroad store check`.
// A torn or corrupted tail of the write-ahead log is cut off at the last whole commit, with a
// notice.
Result<std::unique_ptr<Store>> OpenRocksStore(const RocksOptions& options);

struct CheckReport {
  uint64_t topics = 0, runs = 0, events = 0, feed_entries = 0;
  std::vector<std::string> problems;  // empty: all is well. Each names the place and what to do.
};
// Reads everything in a store that no process has open, and checks checksums, contiguity of offsets
// and positions, and that feed and runs agree. Changes nothing.
Result<CheckReport> CheckRocksStore(const std::string& directory);

// Makes `directory` (which must be missing or empty) a store from a backup made by Store::Backup,
// with a new epoch. ALREADY_EXISTS, NOT_FOUND (no backup there), DATA_LOSS.
Status RestoreRocksStore(const std::string& backup, const std::string& directory);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_ROCKS_STORE_H_
