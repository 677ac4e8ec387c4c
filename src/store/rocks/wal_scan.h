// Looks through RocksDB's write-ahead log before RocksDB replays it, to tell a torn tail, which may
// be cut off, from a corruption within, behind which there is something that was acknowledged.
//
// The log's files (NNNNNN.log) are blocks of 32 KiB with records of: masked CRC-32C (4 bytes,
// little- endian, over type and data), length (2), type (1: full, 2: first, 3: middle, 4: last),
// data. A commit is one record, or a first, middles and a last; its data begins with sequence
// number (8) and count of changes (4). Engine::NewBatch puts a mark behind these, into the commits
// that are synced.
#ifndef POSTROAD_STORE_ROCKS_WAL_SCAN_H_
#define POSTROAD_STORE_ROCKS_WAL_SCAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad::store {

struct WalDamage {
  std::string file;
  uint64_t offset = 0;  // where the first commit begins that is not whole
  uint64_t bytes = 0;   // from there on, in this and later files
  // The last sequence number of the whole commits behind the damage that had been synced; 0: none.
  uint64_t last_synced_behind = 0;
};

struct WalScan {
  uint64_t commits = 0;             // whole ones
  std::optional<WalDamage> damage;  // the first
};

// Reads the log files of a store that no process has open. UNAVAILABLE if one cannot be read.
Result<WalScan> ScanWal(const std::string& directory);

// Adds one log file's contents to `scan`, whose files before it are in it already.
void ScanWalFile(const std::string& name, std::string_view contents, WalScan& scan);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_WAL_SCAN_H_
