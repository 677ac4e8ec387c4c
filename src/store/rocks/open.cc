// Opening and creating a store.
#include <algorithm>
#include <filesystem>

#include "core/bytes.h"
#include "store/rocks/format_file.h"
#include "store/rocks/log_recovery.h"
#include "store/rocks/random_epoch.h"
#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/store_keys.h"

namespace postroad::store {
namespace {

// Topics whose log's end is kept in memory: some 150 bytes each.
constexpr size_t kCachedTopics = 32'768;

Result<std::optional<uint64_t>> GetNumber(Engine& engine, const char* key) {
  rocksdb::PinnableSlice value;
  POSTROAD_ASSIGN(const bool found, engine.Get(Family::kDefault, key, value));
  if (!found) return std::nullopt;
  const auto number = ParseNumberKey(ToView(value));
  if (!number) {
    return Fail(
        CorruptError(engine.directory(), std::string("the store's ") + key + " is malformed"));
  }
  return number;
}

Status MakeFolder(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return {};
  return Fail(ErrorCode::kUnavailable, "cannot make " + directory + ": " + error.message());
}

// A new store is one whose creation came to its end, which the file FORMAT marks.
Status CreateStore(const RocksOptions& options) {
  POSTROAD_ASSIGN(const auto engine, Engine::Open(options, Engine::Mode::kCreate));
  POSTROAD_ASSIGN(const auto epoch, GetNumber(*engine, kEpochKey));
  rocksdb::WriteBatch batch = Engine::NewBatch(true);
  if (!epoch) (void)batch.Put(kEpochKey, NumberKey(RandomEpoch().value()));
  (void)batch.Put(kCleanKey, "");
  (void)batch.Put(kDeletedTopicsKey, NumberKey(0));
  POSTROAD_TRY(engine->Commit(batch, true));
  return WriteFormatFile(options.directory);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksStore(const RocksOptions& options) {
  POSTROAD_TRY(MakeFolder(options.directory));
  POSTROAD_ASSIGN(DirectoryLock lock, DirectoryLock::Take(options.directory));
  POSTROAD_ASSIGN(const bool is_there, CheckFormatFile(options.directory));
  POSTROAD_TRY(is_there ? CheckLog(options) : CreateStore(options));
  POSTROAD_ASSIGN(auto engine, Engine::Open(options, Engine::Mode::kOpen));
  POSTROAD_ASSIGN(auto store, RocksStore::Start(std::move(lock), std::move(engine)));
  return std::unique_ptr<Store>(std::move(store));
}

RocksStore::RocksStore(DirectoryLock lock, std::unique_ptr<Engine> engine)
    : lock_(std::move(lock)),
      engine_(std::move(engine)),
      reclaimer_(*engine_),
      cache_(kCachedTopics) {}

Result<std::unique_ptr<RocksStore>> RocksStore::Start(DirectoryLock lock,
                                                      std::unique_ptr<Engine> engine) {
  POSTROAD_ASSIGN(const auto epoch, GetNumber(*engine, kEpochKey));
  if (!epoch || *epoch == 0) {
    return Fail(CorruptError(engine->directory(), "the store has lost its epoch"));
  }
  POSTROAD_ASSIGN(const auto next_topic, GetNumber(*engine, kNextTopicKey));
  std::unique_ptr<RocksStore> store(new RocksStore(std::move(lock), std::move(engine)));
  store->epoch_ = Epoch(*epoch);
  if (next_topic) store->next_topic_ = TopicId(*next_topic);
  store->names_.Load(*store->engine_);
  POSTROAD_TRY(store->LoadTopicCount());
  POSTROAD_TRY(store->LoadFeedEnd());
  POSTROAD_TRY(store->TakeCleanMark());
  return store;
}

Status RocksStore::LoadTopicCount() {
  const uint64_t given = next_topic_.value() - 1;  // ids
  POSTROAD_ASSIGN(const auto deleted, GetNumber(*engine_, kDeletedTopicsKey));
  if (deleted) {
    deleted_topics_ = std::min(*deleted, given);
    topics_ = given - deleted_topics_;
    return {};
  }
  const auto topics = engine_->Iterate(Family::kTopics);
  for (topics->SeekToFirst(); topics->Valid(); topics->Next()) ++topics_;
  if (!topics->status().ok()) {
    return Fail(engine_->FromRocks(topics->status(), "cannot count the topics"));
  }
  deleted_topics_ = given - std::min<uint64_t>(topics_, given);
  rocksdb::WriteBatch batch = Engine::NewBatch(true);
  (void)batch.Put(kDeletedTopicsKey, NumberKey(deleted_topics_));
  return engine_->Commit(batch, true);
}

Status RocksStore::TakeCleanMark() {
  rocksdb::PinnableSlice value;
  POSTROAD_ASSIGN(clean_start_, engine_->Get(Family::kDefault, kCleanKey, value));
  if (!clean_start_) return {};
  rocksdb::WriteBatch batch = Engine::NewBatch(true);
  (void)batch.Delete(kCleanKey);
  return engine_->Commit(batch, true);
}

RocksStore::~RocksStore() {
  // Synced, so that all before it is. Where it fails the next start is called unclean, rightly.
  rocksdb::WriteBatch batch = Engine::NewBatch(true);
  (void)batch.Put(kCleanKey, "");
  (void)engine_->Commit(batch, true);
}

}  // namespace postroad::store
