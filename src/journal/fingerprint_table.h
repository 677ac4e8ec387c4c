// An open-addressing table from 64-bit event fingerprints to where their events are. Several
// entries may have one fingerprint: who looks up must compare the events themselves.
#ifndef POSTROAD_JOURNAL_FINGERPRINT_TABLE_H_
#define POSTROAD_JOURNAL_FINGERPRINT_TABLE_H_

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "core/types.h"

namespace postroad::journal {

// Holds a fixed number of entries, in memory that the system gives as it is first touched. One
// thread inserts; others may Find at the same time, and see an entry once its place is set.
class FingerprintTable {
 public:
  // Entries inserted and not yet placed have kProvisional set; forgotten ones are kForgotten.
  static constexpr uint64_t kProvisional = uint64_t{1} << 63;
  static constexpr uint64_t kForgotten = UINT64_MAX;

  // `begin`: the feed position from which on its events are.
  FingerprintTable(size_t max_entries, FeedPosition begin)
      : begin(begin),
        max_entries_(max_entries),
        mask_(std::bit_ceil(max_entries + max_entries / 3 + 1) - 1),
        shift_(63 - std::bit_width(mask_)),
        slots_(static_cast<Slot*>(std::calloc(mask_ + 1, sizeof(Slot)))) {
    if (slots_ == nullptr) throw std::bad_alloc();
  }

  size_t size() const { return size_; }
  size_t max_entries() const { return max_entries_; }
  uint64_t bytes() const { return (mask_ + 1) * sizeof(Slot); }

  void Prefetch(uint64_t fingerprint) const { __builtin_prefetch(&slots_[Home(fingerprint)]); }

  // Calls found(place) for each entry of this fingerprint, until it returns true; whether it did.
  template <typename Found>
  bool Find(uint64_t fingerprint, Found&& found) const {
    for (size_t i = Home(fingerprint);; i = (i + 1) & mask_) {
      const uint64_t there = slots_[i].fingerprint.load(std::memory_order_acquire);
      if (there == 0) return false;
      if (there != fingerprint) continue;
      const uint64_t place = slots_[i].place.load(std::memory_order_acquire);
      if (place != kForgotten && found(place)) return true;
    }
  }

  // `fingerprint` is not 0, and there is room. Returns the entry's slot.
  size_t Insert(uint64_t fingerprint, uint64_t place) {
    size_t i = Home(fingerprint);
    while (slots_[i].fingerprint.load(std::memory_order_relaxed) != 0) i = (i + 1) & mask_;
    slots_[i].place.store(place, std::memory_order_relaxed);
    slots_[i].fingerprint.store(fingerprint, std::memory_order_release);
    ++size_;
    return i;
  }
  void SetPlace(size_t slot, uint64_t place) {
    slots_[slot].place.store(place, std::memory_order_release);
  }

  // All placed entries as (fingerprint, place), nearly in the order of fingerprints.
  std::vector<std::pair<uint64_t, uint64_t>> Entries() const {
    std::vector<std::pair<uint64_t, uint64_t>> entries;
    entries.reserve(size_);
    for (size_t i = 0; i <= mask_; ++i) {
      const uint64_t fingerprint = slots_[i].fingerprint.load(std::memory_order_relaxed);
      const uint64_t place = slots_[i].place.load(std::memory_order_relaxed);
      if (fingerprint != 0 && (place & kProvisional) == 0) entries.emplace_back(fingerprint, place);
    }
    return entries;
  }

  const FeedPosition begin;

 private:
  struct Slot {
    std::atomic<uint64_t> fingerprint;  // 0: empty
    std::atomic<uint64_t> place;
  };
  struct Free {
    void operator()(Slot* slots) const { std::free(slots); }
  };

  // By the top bits, so that the table is nearly sorted. In two shifts, since one by 64 is
  // undefined.
  size_t Home(uint64_t fingerprint) const { return (fingerprint >> 1) >> shift_; }

  const size_t max_entries_;
  const size_t mask_;
  const int shift_;
  const std::unique_ptr<Slot[], Free> slots_;
  size_t size_ = 0;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_FINGERPRINT_TABLE_H_
