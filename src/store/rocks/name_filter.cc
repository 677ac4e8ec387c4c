// A Bloom filter of blocks that grows by layers.
#include "store/rocks/name_filter.h"

namespace postroad::store {
namespace {

// Two bits of the block's `word`th word, by twelve bits of the hash.
uint64_t BitsOf(uint64_t hash, size_t word) {
  const uint64_t twelve = hash >> (12 * word);
  return uint64_t{1} << (twelve & 63) | uint64_t{1} << (twelve >> 6 & 63);
}

}  // namespace

// By the hash's upper half; of it only the lowest 16 bits are among those that BitsOf takes.
NameFilter::Block& NameFilter::Layer::At(uint64_t hash) const {
  return blocks[(hash >> 32) * count >> 32];
}

void NameFilter::Add(uint64_t hash) {
  // An append that failed is tried again, maybe for hours.
  if (MayHold(hash)) return;
  size_t used = used_.load(std::memory_order_relaxed);
  if (room_ == 0 && used < kMaxLayers) {
    const size_t blocks = kFirstBlocks << (2 * used);
    layers_[used] = std::make_unique<const Layer>(blocks);
    room_ = blocks * kNamesABlock;
    used_.store(++used, std::memory_order_release);
  }
  Block& block = layers_[used - 1]->At(hash);
  for (size_t i = 0; i < block.words.size(); ++i) {
    std::atomic<uint64_t>& word = block.words[i];
    word.store(word.load(std::memory_order_relaxed) | BitsOf(hash, i), std::memory_order_relaxed);
  }
  if (room_ > 0) --room_;
}

bool NameFilter::MayHold(uint64_t hash) const {
  for (size_t layer = used_.load(std::memory_order_acquire); layer-- > 0;) {
    const Block& block = layers_[layer]->At(hash);
    bool all = true;
    for (size_t i = 0; i < block.words.size(); ++i) {
      const uint64_t bits = BitsOf(hash, i);
      all = all && (block.words[i].load(std::memory_order_relaxed) & bits) == bits;
    }
    if (all) return true;
  }
  return false;
}

void NameFilter::Prefetch(uint64_t hash) const {
  const size_t used = used_.load(std::memory_order_acquire);
  for (size_t layer = 0; layer < used; ++layer) __builtin_prefetch(&layers_[layer]->At(hash));
}

size_t NameFilter::bytes() const {
  size_t bytes = 0;
  for (size_t layer = used_.load(std::memory_order_acquire); layer-- > 0;) {
    bytes += layers_[layer]->count * sizeof(Block);
  }
  return bytes;
}

}  // namespace postroad::store
