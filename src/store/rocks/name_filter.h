// Which topics there are, for all but a few in a thousand: a new name is told from those stored
// without asking RocksDB, which would look into its lists and files one by one.
#ifndef POSTROAD_STORE_ROCKS_NAME_FILTER_H_
#define POSTROAD_STORE_ROCKS_NAME_FILTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace postroad::store {

// A Bloom filter of blocks (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom
// Filters, 2007), 16 bits a name, that grows by layers, each four times as large as the one before
// it. It forgets nothing. One thread adds; any may ask.
class NameFilter {
 public:
  NameFilter() = default;
  NameFilter(const NameFilter&) = delete;
  NameFilter& operator=(const NameFilter&) = delete;

  // By HashOfName. A name that it may hold already takes no room.
  void Add(uint64_t hash);
  // False: it was not added. True: it was, or is one of a few in a thousand.
  bool MayHold(uint64_t hash) const;
  // Asks for the memory that MayHold will look at.
  void Prefetch(uint64_t hash) const;
  size_t bytes() const;

 private:
  struct alignas(32) Block {
    std::array<std::atomic<uint64_t>, 4> words;
  };
  struct Layer {
    explicit Layer(size_t n) : blocks(std::make_unique<Block[]>(n)), count(n) {}
    Block& At(uint64_t hash) const;

    const std::unique_ptr<Block[]> blocks;
    const size_t count;
  };
  static constexpr size_t kFirstBlocks = 4096;  // 65,536 names, 128 KiB
  static constexpr size_t kNamesABlock = 16;
  static constexpr size_t kMaxLayers = 10;

  std::array<std::unique_ptr<const Layer>, kMaxLayers> layers_;
  std::atomic<size_t> used_ = 0;  // of layers_; the last of them is being filled
  uint64_t room_ = 0;             // names that it still takes
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_NAME_FILTER_H_
