// RocksDB as the store uses it.
#include "store/rocks/engine.h"

#include <sys/statvfs.h>

#include <chrono>

#include "store/rocks/engine_options.h"

namespace postroad::store {
namespace {

constexpr uint64_t kLogRoomBytes = 1 << 20;
constexpr int64_t kDamageSaidEverySeconds = 60;

}  // namespace

Error CorruptError(const std::string& directory, const std::string& what) {
  return {ErrorCode::kDataLoss,
          what + "; run `postroad store check " + directory +
              "` to see how far the damage goes, and restore a backup if there is one",
          "", "STORE_CORRUPT"};
}

Result<std::unique_ptr<Engine>> Engine::Open(const RocksOptions& options, Mode mode) {
  std::unique_ptr<Engine> engine(new Engine(options));
  rocksdb::DBOptions db_options = MakeDbOptions(options);
  db_options.create_if_missing = mode == Mode::kCreate;
  db_options.create_missing_column_families = mode == Mode::kCreate;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto families = MakeFamilies(options);
  const rocksdb::Status status =
      mode == Mode::kReadOnly
          ? rocksdb::DB::OpenForReadOnly(db_options, options.directory, families, &handles, &db)
          : rocksdb::DB::Open(db_options, options.directory, families, &handles, &db);
  if (!status.ok()) return Fail(engine->FromRocks(status, "cannot open " + options.directory));
  engine->db_.reset(db);
  std::copy(handles.begin(), handles.end(), engine->families_.begin());
  return engine;
}

Engine::~Engine() {
  if (!db_) return;
  for (auto* family : families_) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  db_->Close().PermitUncheckedError();
}

std::unique_ptr<rocksdb::Iterator> Engine::Iterate(Family f, rocksdb::ReadOptions options) {
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family(f)));
}

Result<bool> Engine::Get(Family f, std::string_view key, rocksdb::PinnableSlice& value) {
  const auto status = db_->Get({}, family(f), ToSlice(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return Fail(FromRocks(status, "cannot read"));
}

rocksdb::WriteBatch Engine::NewBatch(bool sync, size_t reserve_bytes) {
  rocksdb::WriteBatch batch(reserve_bytes);
  // Marks the log's record as one that was synced before anything followed it (wal_scan.h).
  if (sync) (void)batch.PutLogData("s");
  return batch;
}

Status Engine::Commit(rocksdb::WriteBatch& batch, bool sync) {
  const uint64_t free = FreeBytes();
  // The log itself must not meet the full disk: RocksDB 7.8 cannot write on in a log file that did.
  if (free < batch.GetDataSize() + kLogRoomBytes) return Fail(DiskFullError());
  rocksdb::WriteOptions write;
  write.sync = sync;
  rocksdb::Status status = db_->Write(write, &batch);
  // A flush or compaction that met a full disk has stopped RocksDB until it is told to go on.
  if (status.IsNoSpace() && free >= options_.disk_reserve_bytes && Resume()) {
    status = db_->Write(write, &batch);
  }
  if (!status.ok()) return Fail(FromRocks(status, "cannot write"));
  return {};
}

bool Engine::Resume() {
  std::lock_guard lock(resume_mutex_);
  return db_->Resume().ok();
}

uint64_t Engine::FreeBytes() const {
  struct statvfs fs{};
  if (statvfs(options_.directory.c_str(), &fs) != 0) return 0;
  return static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize;
}

Status Engine::CheckRoom() const {
  if (FreeBytes() < options_.disk_reserve_bytes) return Fail(DiskFullError());
  return {};
}

Error Engine::DiskFullError() const {
  Error error{ErrorCode::kResourceExhausted,
              "the disk of " + options_.directory + " is full: less than " +
                  std::to_string(options_.disk_reserve_bytes >> 20) +
                  " MiB is free; make room, posts are taken again by themselves",
              "", "DISK_FULL"};
  error.metadata["reserve_bytes"] = std::to_string(options_.disk_reserve_bytes);
  return error;
}

Error Engine::Corrupt(const std::string& what) const {
  Error error = CorruptError(options_.directory, what);
  if (!db_ || !options_.notice) return error;  // a store that does not open says so itself
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::seconds(1);
  int64_t last = damage_said_at_.load();
  if (now - last >= kDamageSaidEverySeconds && damage_said_at_.compare_exchange_strong(last, now)) {
    options_.notice(error.message);
  }
  return error;
}

Error Engine::FromRocks(const rocksdb::Status& status, const std::string& doing) const {
  const std::string what = doing + ": " + status.ToString();
  if (status.IsCorruption()) return Corrupt(what);
  if (status.IsNoSpace()) return DiskFullError();
  if (status.IsIOError() || status.IsShutdownInProgress() || status.IsTryAgain()) {
    return {ErrorCode::kUnavailable, what, "", "STORE_IO"};
  }
  return {ErrorCode::kInternal, what};
}

}  // namespace postroad::store
