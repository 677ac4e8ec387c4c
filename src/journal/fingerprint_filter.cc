#include "journal/fingerprint_filter.h"

#include <bit>
#include <cstring>

namespace postroad::journal {
namespace {

constexpr uint8_t kMaxBits = 28;

}  // namespace

FingerprintFilter::FingerprintFilter(const std::vector<uint64_t>& sorted)
    : bits_(static_cast<uint8_t>(std::bit_width(sorted.size() / 8))),
      starts_((size_t{1} << bits_) + 1, 0) {
  tags_.reserve(sorted.size());
  for (const uint64_t fingerprint : sorted) {
    ++starts_[Bucket(fingerprint) + 1];
    tags_.push_back(static_cast<uint16_t>(fingerprint));
  }
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
}

std::string FingerprintFilter::Encode() const {
  const auto count = static_cast<uint32_t>(tags_.size());
  std::string out(1, static_cast<char>(bits_));
  out.append(reinterpret_cast<const char*>(&count), sizeof count);
  out.append(reinterpret_cast<const char*>(starts_.data()), starts_.size() * sizeof(uint32_t));
  out.append(reinterpret_cast<const char*>(tags_.data()), tags_.size() * sizeof(uint16_t));
  return out;
}

std::optional<FingerprintFilter> FingerprintFilter::Decode(std::string_view bytes) {
  FingerprintFilter filter;
  uint32_t count = 0;
  if (bytes.size() < 1 + sizeof count) return std::nullopt;
  filter.bits_ = static_cast<uint8_t>(bytes[0]);
  std::memcpy(&count, bytes.data() + 1, sizeof count);
  if (filter.bits_ > kMaxBits) return std::nullopt;
  const size_t starts = (size_t{1} << filter.bits_) + 1;
  bytes.remove_prefix(1 + sizeof count);
  if (bytes.size() != starts * sizeof(uint32_t) + size_t{count} * sizeof(uint16_t)) {
    return std::nullopt;
  }
  filter.starts_.resize(starts);
  filter.tags_.resize(count);
  std::memcpy(filter.starts_.data(), bytes.data(), starts * sizeof(uint32_t));
  std::memcpy(filter.tags_.data(), bytes.data() + starts * sizeof(uint32_t),
              count * sizeof(uint16_t));
  for (size_t i = 1; i < starts; ++i) {
    if (filter.starts_[i] < filter.starts_[i - 1]) return std::nullopt;
  }
  if (filter.starts_.front() != 0 || filter.starts_.back() != count) return std::nullopt;
  return filter;
}

}  // namespace postroad::journal
