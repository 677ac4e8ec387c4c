// One sealed generation of dedup fingerprints: a sorted list in Table::kDedup with its filter in
// memory. docs/formats/tables.md describes the keys.
#ifndef POSTROAD_JOURNAL_SEALED_FINGERPRINTS_H_
#define POSTROAD_JOURNAL_SEALED_FINGERPRINTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "journal/fingerprint_filter.h"
#include "journal/journal_metrics.h"
#include "store/store.h"

namespace postroad::journal {

// The key under which a group's fingerprints are stored with its commit, and of that alone.
std::string DedupGroupKey(FeedPosition base);

// Immutable; thread-safe.
class SealedFingerprints {
 public:
  using Entries = std::vector<std::pair<uint64_t, uint64_t>>;  // fingerprint, feed position

  // Writes a generation of entries that are nearly in order; with its last write it becomes valid,
  // and the groups' fingerprints in [groups_begin, groups_end), which it replaces, go. `newest`: no
  // event in it was stored later.
  static Result<std::shared_ptr<const SealedFingerprints>> Write(
      store::Store& store, uint64_t number, Entries entries, Timestamp newest,
      FeedPosition groups_begin, FeedPosition groups_end, JournalMetrics& metrics);
  // All generations in the store, oldest first; clears away what was left half written.
  static Result<std::vector<std::shared_ptr<const SealedFingerprints>>> LoadAll(
      store::Store& store, JournalMetrics& metrics);
  // Removes the generation from the store.
  Status Delete() const;

  // Adds the feed positions of this fingerprint.
  Status Find(uint64_t fingerprint, std::vector<FeedPosition>& out) const;
  void Prefetch(uint64_t fingerprint) const { filter_.Prefetch(fingerprint); }

  uint64_t number() const { return number_; }
  Timestamp newest() const { return newest_; }
  uint64_t bytes() const { return filter_.bytes(); }

 private:
  SealedFingerprints(store::Store& store, uint64_t number, Timestamp newest,
                     FingerprintFilter filter, JournalMetrics& metrics)
      : store_(store),
        number_(number),
        newest_(newest),
        filter_(std::move(filter)),
        metrics_(metrics) {}

  static Result<std::shared_ptr<const SealedFingerprints>> Load(store::Store& store,
                                                                const store::Entry& header,
                                                                JournalMetrics& metrics);

  store::Store& store_;
  const uint64_t number_;
  const Timestamp newest_;
  const FingerprintFilter filter_;
  JournalMetrics& metrics_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_SEALED_FINGERPRINTS_H_
