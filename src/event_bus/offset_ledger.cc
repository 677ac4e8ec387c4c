// See offset_ledger.h.
#include "event_bus/offset_ledger.h"

namespace postroad::event_bus {

uint64_t OffsetLedger::Read(const kafka::Partition& partition, int64_t offset) {
  const auto [at, fresh] = partitions_.try_emplace(partition);
  Progress& progress = at->second;
  if (fresh) progress.first = offset;
  progress.open.insert(offset);
  progress.next = offset + 1;
  open_.emplace(++last_token_, std::pair(partition, offset));
  return last_token_;
}

void OffsetLedger::Done(uint64_t token) {
  const auto found = open_.find(token);
  if (found == open_.end()) return;
  const auto& [partition, offset] = found->second;
  partitions_[partition].open.erase(offset);
  open_.erase(found);
}

std::optional<kafka::Partition> OffsetLedger::PartitionOf(uint64_t token) const {
  const auto found = open_.find(token);
  if (found == open_.end()) return std::nullopt;
  return found->second.first;
}

kafka::Offsets OffsetLedger::TakeCommittable() {
  kafka::Offsets offsets;
  for (const auto& [partition, progress] : partitions_) {
    const int64_t offset = progress.open.empty() ? progress.next : *progress.open.begin();
    const auto known = committed_.find(partition);
    if (known != committed_.end() && known->second == offset) continue;
    if (known == committed_.end() && offset == progress.first) continue;  // nothing is done yet
    committed_[partition] = offsets[partition] = offset;
  }
  return offsets;
}

void OffsetLedger::Forget(const kafka::Partition& partition) {
  partitions_.erase(partition);
  committed_.erase(partition);
  std::erase_if(open_, [&](const auto& entry) { return entry.second.first == partition; });
}

void OffsetLedger::Clear() {
  partitions_.clear();
  committed_.clear();
  open_.clear();
}

}  // namespace postroad::event_bus
