#include "journal/memory_epoch.h"

#include <fstream>
#include <random>

#include "core/bytes.h"

namespace postroad::journal {
namespace {

// Value: store epoch (8), memory epoch (8), unsynced (1), boot id.
constexpr char kKey[] = "journal/memory_epoch";
constexpr size_t kFixedBytes = 17;

Epoch NewEpoch() {
  std::random_device random;
  return Epoch((uint64_t{random()} << 32 | random()) | 1);
}

}  // namespace

std::string ReadBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

Status MemoryEpoch::Open(const std::string& boot_id) {
  boot_id_ = boot_id;
  epoch_ = store_.epoch().value();
  POSTROAD_ASSIGN(const std::optional<std::string> saved, store_.Get(store::Table::kMeta, kKey));
  // A restored backup has a new epoch itself.
  if (!saved || saved->size() < kFixedBytes || GetBig64(saved->data()) != store_.epoch().value()) {
    return {};
  }
  epoch_ = GetBig64(saved->data() + 8);
  unsynced_ = saved->at(16) != 0;
  const std::string_view booted = std::string_view(*saved).substr(kFixedBytes);
  if (!unsynced_ || (!boot_id.empty() && booted == boot_id)) return {};
  epoch_ = NewEpoch().value();
  return Save(false);
}

Status MemoryEpoch::BeforeUnsynced() { return unsynced_ ? Status() : Save(true); }

Status MemoryEpoch::Close() { return unsynced_ ? Save(false) : Status(); }

Status MemoryEpoch::Save(bool unsynced) {
  std::string value;
  PutBig64(value, store_.epoch().value());
  PutBig64(value, epoch_);
  value.push_back(unsynced ? 1 : 0);
  value += boot_id_;
  const std::vector<store::Mutation> put = {
      {store::Mutation::Kind::kPut, store::Table::kMeta, kKey, std::move(value)}};
  POSTROAD_TRY(store_.Write(put, true));
  unsynced_ = unsynced;
  return {};
}

}  // namespace postroad::journal
