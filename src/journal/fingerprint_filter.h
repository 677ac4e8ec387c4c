// A compact summary, in memory, of a sorted list of fingerprints on disk: tells whether one may be
// in it, and at which places of the list to look. 20 to 24 bits an entry; of fingerprints that are
// not in the list, about one in 10,000 is sent to look in vain.
#ifndef POSTROAD_JOURNAL_FINGERPRINT_FILTER_H_
#define POSTROAD_JOURNAL_FINGERPRINT_FILTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::journal {

// Buckets by the fingerprints' top bits, four to eight entries each, of their low 16 bits in the
// order of the list. (A Bloom filter as precise takes as much memory and does not say where to
// look.)
class FingerprintFilter {
 public:
  FingerprintFilter() = default;
  // `sorted` by rising fingerprint.
  explicit FingerprintFilter(const std::vector<uint64_t>& sorted);

  // Calls look(index into the list) for each place where it may be, until that returns true;
  // whether it did.
  template <typename Look>
  bool Find(uint64_t fingerprint, Look&& look) const {
    if (tags_.empty()) return false;
    const size_t bucket = Bucket(fingerprint);
    for (uint32_t i = starts_[bucket]; i < starts_[bucket + 1]; ++i) {
      if (tags_[i] == static_cast<uint16_t>(fingerprint) && look(i)) return true;
    }
    return false;
  }
  void Prefetch(uint64_t fingerprint) const {
    if (!tags_.empty()) __builtin_prefetch(&starts_[Bucket(fingerprint)]);
  }

  size_t size() const { return tags_.size(); }
  uint64_t bytes() const { return starts_.size() * 4 + tags_.size() * 2; }

  // docs/formats/tables.md: bits (1 byte), count (4), bucket starts (4 each), tags (2 each), all
  // little-endian.
  std::string Encode() const;
  static std::optional<FingerprintFilter> Decode(std::string_view bytes);

 private:
  // In two shifts, since one by 64 is undefined.
  size_t Bucket(uint64_t fingerprint) const { return (fingerprint >> 1) >> (63 - bits_); }

  uint8_t bits_ = 0;
  std::vector<uint32_t> starts_;  // one a bucket, and the end
  std::vector<uint16_t> tags_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_FINGERPRINT_FILTER_H_
