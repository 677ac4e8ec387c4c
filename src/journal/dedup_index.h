// Recognises events posted again: fingerprints of all events within the dedup window, and where in
// the feed each is. The newest are in a table in memory; when that is full it is sealed: sorted
// onto disk, with a filter in memory that says where to look. What is in the table is also written
// with each commit, so that a restart rebuilds it from a few bytes an event.
//
// It only names candidates; whether two events are the same is for its user to compare.
#ifndef POSTROAD_JOURNAL_DEDUP_INDEX_H_
#define POSTROAD_JOURNAL_DEDUP_INDEX_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "journal/fingerprint_table.h"
#include "journal/journal_metrics.h"
#include "journal/sealed_fingerprints.h"
#include "store/store.h"

namespace postroad::journal {

// Where an event is that has the fingerprint looked for.
struct DedupCandidate {
  bool in_group = false;  // in the group being built: `ticket`; else at `position` in the feed
  uint32_t ticket = 0;    // counts the group's claimed events
  FeedPosition position;
};

// A group goes: BeginGroup, Claim a chunk at a time, Place each chunk, TakeMutation, then Commit or
// Abort. All these on the committing thread; Find and Expire on any.
class DedupIndex {
 public:
  // `memory_bytes` bounds the tables; sealed generations cost 20 to 24 bits an entry beside it.
  // Entries older than `window` are of no use.
  DedupIndex(store::Store& store, uint64_t memory_bytes, Duration window, JournalMetrics& metrics);
  ~DedupIndex();  // stops its thread

  // Loads what is in the store, with events stored until `now`.
  Status Load(Timestamp now);

  // `fingerprints`: at least as many as will be claimed; `base`: where the feed ends; `now`: the
  // stored_at of the group. Waits while the table before last is being sealed; errors of that.
  Status BeginGroup(size_t fingerprints, FeedPosition base, Timestamp now);

  // Whether event `index` of the chunk is the one that the candidate names.
  using IsSame = std::function<Result<bool>(uint32_t index, const DedupCandidate& candidate)>;
  // Asks for the memory that Claim of these will look at first. After BeginGroup.
  void Expect(std::span<const uint64_t> fingerprints) const;
  // Claims a ticket, one after the other, for each event of the chunk (fingerprint 0: nothing to
  // recognise) but those that are the same as an earlier one; returns the indexes of those.
  Result<std::vector<uint32_t>> Claim(std::span<const uint64_t> fingerprints,
                                      const IsSame& is_same);
  // Whether an event of this fingerprint that `is_same` knows (as index 0) is in the index or the
  // group; claims nothing.
  Result<bool> Knows(uint64_t fingerprint, const IsSame& is_same) {
    return IsKnown(fingerprint, 0, is_same);
  }
  uint32_t next_ticket() const { return static_cast<uint32_t>(claims_.size()); }
  // The events with `count` tickets from `ticket` on stand at `position` in the feed, and on.
  void Place(uint32_t ticket, uint32_t count, FeedPosition position);
  // To be stored with the group; nothing if nothing in it can be recognised.
  std::optional<store::Mutation> TakeMutation();
  void Commit();
  void Abort();

  // Feed positions of events that may have this fingerprint, newest first.
  Result<std::vector<FeedPosition>> Find(uint64_t fingerprint);

  // Drops generations that are past the window.
  Status Expire(Timestamp now);

  uint64_t bytes() const;
  size_t sealed_generations() const;

 private:
  using TablePtr = std::shared_ptr<FingerprintTable>;
  using Sealed = std::vector<std::shared_ptr<const SealedFingerprints>>;
  struct Snapshot {
    TablePtr previous;
    Sealed sealed;
  };
  struct ClaimedEvent {
    uint64_t fingerprint = 0;
    size_t slot = 0;
    FeedPosition position;
  };

  Status LoadTail(FeedPosition oldest);
  Status LoadGroup(FeedPosition base, std::string_view value, FeedPosition oldest, Timestamp now);
  Status Rotate(size_t room, FeedPosition base, Timestamp now);
  void Prefetch(std::span<const uint64_t> fingerprints) const;
  Result<bool> IsKnown(uint64_t fingerprint, uint32_t index, const IsSame& is_same);
  void RunSealer();
  Result<std::shared_ptr<const SealedFingerprints>> Seal(const FingerprintTable& table,
                                                         FeedPosition end, Timestamp newest);

  store::Store& store_;
  const size_t max_entries_;  // of a table
  const Duration window_;
  JournalMetrics& metrics_;

  // Of the committing thread.
  std::vector<ClaimedEvent> claims_;  // by ticket
  FeedPosition base_;
  Snapshot snapshot_;  // as at BeginGroup

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_; active_ is replaced by the committing thread alone, which so may use it
  // without.
  TablePtr active_;
  TablePtr previous_;  // being sealed
  FeedPosition previous_end_;
  Timestamp previous_newest_{};
  Sealed sealed_;  // oldest first
  uint64_t next_generation_ = 1;
  std::optional<Error> seal_error_;
  bool stopping_ = false;
  std::thread sealer_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_DEDUP_INDEX_H_
