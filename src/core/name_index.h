// Names and a number for each, in one array: for a piece of work that meets many names once, where
// a map's node for each costs more than the work.
#ifndef POSTROAD_CORE_NAME_INDEX_H_
#define POSTROAD_CORE_NAME_INDEX_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace postroad {

// XXH3, for tables in memory.
uint64_t HashOfName(std::string_view name);

// Views the names, which must outlive it.
class NameIndex {
 public:
  // `expected`: names it has room for at once; it grows beyond.
  explicit NameIndex(size_t expected = 0) : slots_(std::bit_ceil(expected + expected / 2 + 8)) {}

  struct Place {
    uint32_t& number;  // valid until the next Add
    bool added;
  };
  // The number of this name, which becomes `number` if the name is new. The name is not empty.
  Place Add(std::string_view name, uint32_t number) { return Add(name, HashOfName(name), number); }
  // The same with the name's hash.
  Place Add(std::string_view name, uint64_t hash, uint32_t number) {
    if ((size_ + 1) * 4 > slots_.size() * 3) Grow();
    for (size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[i];
      if (slot.name.empty()) {
        slot = {name, hash, number};
        ++size_;
        return {slot.number, true};
      }
      if (slot.hash == hash && slot.name == name) return {slot.number, false};
    }
  }

 private:
  struct Slot {
    std::string_view name;  // empty: nothing is here
    uint64_t hash = 0;
    uint32_t number = 0;
  };

  void Grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.name.empty()) continue;
      size_t i = slot.hash & (slots_.size() - 1);
      while (!slots_[i].name.empty()) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two of them, a fourth of it empty
  size_t size_ = 0;
};

}  // namespace postroad

#endif  // POSTROAD_CORE_NAME_INDEX_H_
