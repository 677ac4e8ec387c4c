// Which unsettled event is the last of its key: an open-addressing table from key hash to sequence.
#ifndef POSTROAD_DELIVERY_KEY_CHAINS_H_
#define POSTROAD_DELIVERY_KEY_CHAINS_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace postroad::delivery {

// Keys are hashes and never 0. Memory follows the number of keys.
class KeyChains {
 public:
  // Makes `sequence` the last of `key`. Returns the one that was, or `none`.
  uint64_t Push(uint64_t key, uint64_t sequence, uint64_t none) {
    if ((size_ + 1) * 2 > cells_.size()) Rehash(cells_.empty() ? 64 : cells_.size() * 2);
    Cell& cell = cells_[Probe(key)];
    if (cell.key == key) return std::exchange(cell.last, sequence);
    cell = {key, sequence};
    ++size_;
    return none;
  }

  // Forgets `key`, which must be there.
  void Erase(uint64_t key) {
    uint64_t hole = Probe(key);
    const uint64_t mask = cells_.size() - 1;
    // Moves back what probed past the hole, so that no tombstones are needed.
    for (uint64_t i = (hole + 1) & mask; cells_[i].key != 0; i = (i + 1) & mask) {
      const uint64_t home = cells_[i].key & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      cells_[hole] = cells_[i];
      hole = i;
    }
    cells_[hole] = {};
    --size_;
    if (cells_.size() > 4096 && size_ * 16 < cells_.size()) Rehash(cells_.size() / 4);
  }

  void Clear() {
    cells_.clear();
    size_ = 0;
  }
  uint64_t size() const { return size_; }

 private:
  struct Cell {
    uint64_t key = 0;
    uint64_t last = 0;
  };

  uint64_t Probe(uint64_t key) const {
    const uint64_t mask = cells_.size() - 1;
    uint64_t i = key & mask;
    while (cells_[i].key != 0 && cells_[i].key != key) i = (i + 1) & mask;
    return i;
  }
  void Rehash(uint64_t size) {
    std::vector<Cell> old = std::exchange(cells_, std::vector<Cell>(size));
    for (const Cell& cell : old) {
      if (cell.key != 0) cells_[Probe(cell.key)] = cell;
    }
  }

  std::vector<Cell> cells_;
  uint64_t size_ = 0;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_KEY_CHAINS_H_
