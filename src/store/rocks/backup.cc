// Backups made beside the running store, and restoring them.
#include <rocksdb/utilities/checkpoint.h>

#include <filesystem>

#include "store/rocks/format_file.h"
#include "store/rocks/random_epoch.h"
#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/store_keys.h"

namespace postroad::store {
namespace {

namespace fs = std::filesystem;

Error FileSystemError(const std::string& doing, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device;
  return {full ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
          doing + ": " + error.message(), "", full ? "DISK_FULL" : "STORE_IO"};
}

Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return Fail(FileSystemError("cannot rename " + from + " to " + to, error));
  return SyncFolder(fs::absolute(to).parent_path());
}

// `path` without a slash at its end, absolute.
std::string CleanPath(const std::string& path) {
  fs::path clean = fs::absolute(path).lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  return clean;
}

// The files are copied, not linked: a store and its backup must not share what may go bad.
Status CopyFiles(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  for (const auto& file : fs::directory_iterator(from, error)) {
    const std::string name = file.path().filename();
    if (name == kBackupFile || name == "postroad.lock" || name == "LOCK") continue;
    fs::copy_file(file.path(), to + "/" + name, error);
    if (error) return Fail(FileSystemError("cannot copy " + file.path().string(), error));
    POSTROAD_TRY(SyncFile(to + "/" + name));
  }
  if (error) return Fail(FileSystemError("cannot copy " + from, error));
  return SyncFolder(to);
}

Status GiveNewEpoch(const std::string& directory) {
  POSTROAD_ASSIGN(const auto engine, Engine::Open({.directory = directory}, Engine::Mode::kOpen));
  rocksdb::WriteBatch batch = Engine::NewBatch(true);
  (void)batch.Put(kEpochKey, NumberKey(RandomEpoch().value()));
  (void)batch.Put(kCleanKey, "");
  return engine->Commit(batch, true);
}

}  // namespace

Status RocksStore::Backup(const std::string& directory) {
  const std::string target = CleanPath(directory);
  if (fs::exists(target)) {
    return Fail(ErrorCode::kAlreadyExists, target + " is there already; name a new folder");
  }
  const std::string part = target + ".part";
  std::error_code error;
  fs::remove_all(part, error);
  fs::create_directories(fs::path(target).parent_path(), error);
  if (error) return Fail(FileSystemError("cannot make room for " + target, error));
  rocksdb::Checkpoint* checkpoint = nullptr;
  auto status = rocksdb::Checkpoint::Create(&engine_->db(), &checkpoint);
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  if (status.ok()) status = checkpoint->CreateCheckpoint(part);
  if (!status.ok()) return Fail(engine_->FromRocks(status, "cannot back up to " + target));
  POSTROAD_TRY(WriteFormatFile(part));
  POSTROAD_TRY(WriteDurably(part + "/" + kBackupFile, "postroad-backup 1\n"));
  return Rename(part, target);
}

Status RestoreRocksStore(const std::string& backup, const std::string& directory) {
  const std::string target = CleanPath(directory);
  if (!fs::exists(backup + "/" + kBackupFile)) {
    return Fail(ErrorCode::kNotFound, backup + " is not a backup made by `postroad store backup`");
  }
  std::error_code error;
  if (fs::exists(target) && !fs::is_empty(target, error)) {
    return Fail(ErrorCode::kAlreadyExists, target + " is not empty; name a new folder");
  }
  const std::string part = target + ".part";
  fs::remove_all(part, error);
  POSTROAD_TRY(CopyFiles(backup, part));
  POSTROAD_TRY(GiveNewEpoch(part));
  return Rename(part, target);
}

}  // namespace postroad::store
