// Decides whether the write-ahead log may be recovered from.
#include "store/rocks/log_recovery.h"

#include "store/rocks/engine.h"
#include "store/rocks/wal_scan.h"

namespace postroad::store {
namespace {

std::string Place(const WalDamage& damage) {
  return damage.file + " at byte " + std::to_string(damage.offset);
}

// RocksDB stops at the damage, unless that is in a file it needs no more, or the commits behind it
// go on exactly where those before it end (as after a full disk). So it is asked how far it gets.
Status CheckNothingIsLost(const RocksOptions& options, const WalDamage& damage) {
  POSTROAD_ASSIGN(const auto engine, Engine::Open(options, Engine::Mode::kReadOnly));
  if (engine->db().GetLatestSequenceNumber() >= damage.last_synced_behind) return {};
  return Fail(CorruptError(options.directory, "the write-ahead log is corrupted within, in " +
                                                  Place(damage) +
                                                  ", and what follows had been acknowledged"));
}

}  // namespace

Status CheckLog(const RocksOptions& options) {
  POSTROAD_ASSIGN(const WalScan scan, ScanWal(options.directory));
  if (!scan.damage) return {};
  if (scan.damage->last_synced_behind > 0) return CheckNothingIsLost(options, *scan.damage);
  if (options.notice) {
    options.notice("the write-ahead log's torn tail is cut off: " + Place(*scan.damage) + ", " +
                   std::to_string(scan.damage->bytes) + " bytes, after " +
                   std::to_string(scan.commits) + " whole commits");
  }
  return {};
}

}  // namespace postroad::store
