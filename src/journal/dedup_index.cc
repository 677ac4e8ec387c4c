#include "journal/dedup_index.h"

#include <pthread.h>

#include <algorithm>

#include "core/bytes.h"

namespace postroad::journal {
namespace {

constexpr size_t kLoadAtOnce = 1024;   // groups a scan
constexpr size_t kPrefetchAhead = 16;  // fingerprints

// Two tables at a time, each with room a third over its entries rounded up to a power of two.
size_t EntriesFor(uint64_t memory_bytes) {
  const uint64_t slots = std::bit_floor(std::max<uint64_t>(memory_bytes / 2 / 16, 64));
  return slots * 3 / 4 - 1;
}

}  // namespace

DedupIndex::DedupIndex(store::Store& store, uint64_t memory_bytes, Duration window,
                       JournalMetrics& metrics)
    : store_(store),
      max_entries_(EntriesFor(memory_bytes)),
      window_(window),
      metrics_(metrics),
      active_(std::make_shared<FingerprintTable>(max_entries_, FeedPosition())),
      sealer_([this] { RunSealer(); }) {}

DedupIndex::~DedupIndex() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  sealer_.join();
}

Status DedupIndex::Load(Timestamp now) {
  POSTROAD_ASSIGN(Sealed sealed, SealedFingerprints::LoadAll(store_, metrics_));
  {
    std::lock_guard lock(mutex_);
    if (!sealed.empty()) next_generation_ = sealed.back()->number() + 1;
    sealed_ = std::move(sealed);
  }
  POSTROAD_TRY(Expire(now));
  POSTROAD_ASSIGN(const FeedPosition oldest, store_.PositionAtTime(now - window_));
  const std::vector<store::Mutation> clear = {{store::Mutation::Kind::kDeleteRange,
                                               store::Table::kDedup, DedupGroupKey(FeedPosition()),
                                               DedupGroupKey(oldest)}};
  POSTROAD_TRY(store_.Write(clear, false));
  std::string from = DedupGroupKey(FeedPosition());
  while (true) {
    POSTROAD_ASSIGN(const std::vector<store::Entry> groups,
                    store_.Scan(store::Table::kDedup, from, "k", kLoadAtOnce));
    for (const store::Entry& group : groups) {
      if (group.key.size() != 9) continue;
      const FeedPosition base(GetBig64(group.key.data() + 1));
      POSTROAD_TRY(LoadGroup(base, group.value, oldest, now));
    }
    if (groups.size() < kLoadAtOnce) break;
    from = groups.back().key + '\0';
  }
  return {};
}

Status DedupIndex::LoadGroup(FeedPosition base, std::string_view value, FeedPosition oldest,
                             Timestamp now) {
  POSTROAD_TRY(BeginGroup(value.size() / sizeof(uint64_t), base, now));
  while (!value.empty()) {
    const auto skip = TakeVarint(value);
    const auto count = TakeVarint(value);
    if (!skip || !count || value.size() / sizeof(uint64_t) < *count) {
      return Fail(ErrorCode::kDataLoss,
                  "The store's dedup table is damaged; run `postroad store check`.", {},
                  "STORE_CORRUPT");
    }
    for (uint64_t i = 0; i < *count; ++i) {
      const uint64_t fingerprint = GetBig64(value.data() + i * sizeof(uint64_t));
      const FeedPosition position = base + *skip + i;
      if (fingerprint != 0 && position >= oldest) active_->Insert(fingerprint, position.value());
    }
    value.remove_prefix(*count * sizeof(uint64_t));
  }
  return {};
}

Status DedupIndex::BeginGroup(size_t fingerprints, FeedPosition base, Timestamp now) {
  claims_.clear();
  base_ = base;
  if (active_->size() + fingerprints > active_->max_entries()) {
    POSTROAD_TRY(Rotate(fingerprints, base, now));
  }
  std::lock_guard lock(mutex_);
  snapshot_ = {previous_, sealed_};
  return {};
}

Status DedupIndex::Rotate(size_t room, FeedPosition base, Timestamp now) {
  snapshot_ = {};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return previous_ == nullptr || seal_error_ || stopping_; });
  if (previous_ != nullptr) {
    if (!seal_error_)
      return Fail(ErrorCode::kUnavailable, "The server is stopping.", {}, "DRAINING");
    return Fail(*std::exchange(seal_error_, std::nullopt));
  }
  if (active_->size() > 0) {
    previous_ = active_;
    previous_end_ = base;
    previous_newest_ = now;
  }
  active_ = std::make_shared<FingerprintTable>(std::max(max_entries_, room), base);
  changed_.notify_all();
  return {};
}

void DedupIndex::Prefetch(std::span<const uint64_t> fingerprints) const {
  for (const uint64_t fingerprint : fingerprints) {
    active_->Prefetch(fingerprint);
    if (snapshot_.previous) snapshot_.previous->Prefetch(fingerprint);
    for (const auto& sealed : snapshot_.sealed) sealed->Prefetch(fingerprint);
  }
}

void DedupIndex::Expect(std::span<const uint64_t> fingerprints) const {
  Prefetch(fingerprints.first(std::min(kPrefetchAhead, fingerprints.size())));
}

Result<std::vector<uint32_t>> DedupIndex::Claim(std::span<const uint64_t> fingerprints,
                                                const IsSame& is_same) {
  std::vector<uint32_t> duplicates;
  for (uint32_t i = 0; i < fingerprints.size(); ++i) {
    if (i + kPrefetchAhead < fingerprints.size()) {
      Prefetch(fingerprints.subspan(i + kPrefetchAhead, 1));
    }
    ClaimedEvent claim{.fingerprint = fingerprints[i]};
    if (claim.fingerprint != 0) {
      POSTROAD_ASSIGN(const bool known, IsKnown(claim.fingerprint, i, is_same));
      if (known) {
        duplicates.push_back(i);
        continue;
      }
      claim.slot =
          active_->Insert(claim.fingerprint, FingerprintTable::kProvisional | claims_.size());
    }
    claims_.push_back(claim);
  }
  return duplicates;
}

Result<bool> DedupIndex::IsKnown(uint64_t fingerprint, uint32_t index, const IsSame& is_same) {
  Status status;
  const auto same = [&](const DedupCandidate& candidate) {
    auto result = is_same(index, candidate);
    if (!result) status = Fail(std::move(result).error());
    return !result || *result;
  };
  const auto placed = [&](uint64_t place) {
    const bool in_group = (place & FingerprintTable::kProvisional) != 0;
    if (in_group) return same({true, static_cast<uint32_t>(place), FeedPosition()});
    return same({false, 0, FeedPosition(place)});
  };
  bool found = active_->Find(fingerprint, placed) ||
               (snapshot_.previous && snapshot_.previous->Find(fingerprint, placed));
  std::vector<FeedPosition> positions;
  for (const auto& sealed : snapshot_.sealed) {
    if (!found) POSTROAD_TRY(sealed->Find(fingerprint, positions));
  }
  for (const FeedPosition position : positions) found = found || placed(position.value());
  POSTROAD_TRY(status);
  return found;
}

void DedupIndex::Place(uint32_t ticket, uint32_t count, FeedPosition position) {
  for (uint32_t i = 0; i < count; ++i) claims_[ticket + i].position = position + i;
}

std::optional<store::Mutation> DedupIndex::TakeMutation() {
  std::string value;
  value.reserve(claims_.size() * 12);
  for (size_t i = 0; i < claims_.size();) {
    if (claims_[i].fingerprint == 0) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < claims_.size() && claims_[end].fingerprint != 0 &&
           claims_[end].position == claims_[end - 1].position + 1) {
      ++end;
    }
    PutVarint(value, claims_[i].position - base_);
    PutVarint(value, end - i);
    for (; i < end; ++i) PutBig64(value, claims_[i].fingerprint);
  }
  if (value.empty()) return std::nullopt;
  return store::Mutation{store::Mutation::Kind::kPut, store::Table::kDedup, DedupGroupKey(base_),
                         std::move(value)};
}

void DedupIndex::Commit() {
  for (const ClaimedEvent& claim : claims_) {
    if (claim.fingerprint != 0) active_->SetPlace(claim.slot, claim.position.value());
  }
  claims_.clear();
}

void DedupIndex::Abort() {
  for (const ClaimedEvent& claim : claims_) {
    if (claim.fingerprint != 0) active_->SetPlace(claim.slot, FingerprintTable::kForgotten);
  }
  claims_.clear();
}

Result<std::vector<FeedPosition>> DedupIndex::Find(uint64_t fingerprint) {
  TablePtr active;
  Snapshot snapshot;
  {
    std::lock_guard lock(mutex_);
    active = active_;
    snapshot = {previous_, sealed_};
  }
  std::vector<FeedPosition> positions;
  const auto add = [&](uint64_t place) {
    if ((place & FingerprintTable::kProvisional) == 0) positions.push_back(FeedPosition(place));
    return false;
  };
  active->Find(fingerprint, add);
  if (snapshot.previous) snapshot.previous->Find(fingerprint, add);
  for (const auto& sealed : snapshot.sealed) POSTROAD_TRY(sealed->Find(fingerprint, positions));
  std::ranges::sort(positions, std::greater<>());
  return positions;
}

Status DedupIndex::Expire(Timestamp now) {
  Sealed expired;
  {
    std::lock_guard lock(mutex_);
    while (!sealed_.empty() && sealed_.front()->newest() + window_ < now) {
      expired.push_back(std::move(sealed_.front()));
      sealed_.erase(sealed_.begin());
    }
  }
  for (const auto& generation : expired) POSTROAD_TRY(generation->Delete());
  return {};
}

void DedupIndex::RunSealer() {
  pthread_setname_np(pthread_self(), "dedup");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (previous_ == nullptr) {
      changed_.wait(lock);
      continue;
    }
    if (seal_error_) {
      // Another try once the committing thread has been told, or in a second.
      if (changed_.wait_for(lock, std::chrono::seconds(1)) == std::cv_status::timeout) {
        seal_error_.reset();
      }
      continue;
    }
    const TablePtr table = previous_;
    const FeedPosition end = previous_end_;
    const Timestamp newest = previous_newest_;
    lock.unlock();
    auto sealed = Seal(*table, end, newest);
    lock.lock();
    if (sealed) {
      if (*sealed) sealed_.push_back(std::move(*sealed));
      previous_.reset();
    } else {
      seal_error_ = std::move(sealed).error();
    }
    changed_.notify_all();
  }
}

Result<std::shared_ptr<const SealedFingerprints>> DedupIndex::Seal(const FingerprintTable& table,
                                                                   FeedPosition end,
                                                                   Timestamp newest) {
  POSTROAD_ASSIGN(const FeedPosition oldest, store_.PositionAtTime(newest - window_));
  SealedFingerprints::Entries entries = table.Entries();
  std::erase_if(entries, [&](const auto& entry) { return entry.second < oldest.value(); });
  return SealedFingerprints::Write(store_, next_generation_++, std::move(entries), newest,
                                   table.begin, end, metrics_);
}

uint64_t DedupIndex::bytes() const {
  std::lock_guard lock(mutex_);
  uint64_t bytes = active_->bytes() + (previous_ ? previous_->bytes() : 0);
  for (const auto& sealed : sealed_) bytes += sealed->bytes();
  return bytes;
}

size_t DedupIndex::sealed_generations() const {
  std::lock_guard lock(mutex_);
  return sealed_.size();
}

}  // namespace postroad::journal
