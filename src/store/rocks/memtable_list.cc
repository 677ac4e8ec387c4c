#include "store/rocks/memtable_list.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace postroad::store {
namespace {

constexpr size_t kTrailerBytes = 8;  // sequence and type, little-endian

uint64_t Trailer(std::string_view key) {
  uint64_t trailer = 0;
  std::memcpy(&trailer, key.data() + key.size() - kTrailerBytes, kTrailerBytes);
  return trailer;
}

bool IsBefore(std::string_view a, std::string_view b) {
  const size_t a_size = a.size() - kTrailerBytes, b_size = b.size() - kTrailerBytes;
  const int order = std::memcmp(a.data(), b.data(), std::min(a_size, b_size));
  if (order != 0) return order < 0;
  if (a_size != b_size) return a_size < b_size;
  return Trailer(a) > Trailer(b);
}

}  // namespace

std::string_view MemtableList::Node::key() const {
  const char* at = entry();
  uint32_t size = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    size |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return {at, size};
  }
}

int MemtableList::RandomHeight() {
  random_ ^= random_ << 13;  // xorshift64
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  int height = 1;
  // A fourth of the nodes of a level are on the next.
  for (uint64_t bits = random_ >> 16; height < kMaxHeight && (bits & 3) == 0; bits >>= 2) ++height;
  return height;
}

MemtableList::Node* MemtableList::Place(char* bytes, int height) {
  auto* node = new (bytes) Node;
  for (int level = height; --level > 0;) node = new (node + 1) Node;
  return node;
}

void MemtableList::Insert(Node* node, int height) {
  if (height > height_.load(std::memory_order_relaxed)) {
    height_.store(height, std::memory_order_relaxed);
  }
  MoveTo(node->key());
  for (int level = 0; level < height; ++level) {
    Node* const before = before_[static_cast<size_t>(level)];
    (node - level)->link_.store(before->Next(level), std::memory_order_relaxed);
    (before - level)->link_.store(node, std::memory_order_release);
    before_[static_cast<size_t>(level)] = node;
  }
}

void MemtableList::MoveTo(std::string_view key) {
  const auto before = [&](int level) { return before_[static_cast<size_t>(level)]; };
  const auto is_before = [&](const Node* node) { return IsBefore(node->key(), key); };
  const int height = height_.load(std::memory_order_relaxed);
  const bool forward = before(0) == Head() || is_before(before(0));
  // Up to the level on which the key belongs right behind what is there.
  int level = 0;
  for (; level < height; ++level) {
    const Node* const next = before(level)->Next(level);
    if (forward ? next == nullptr || !is_before(next)
                : before(level) == Head() || is_before(before(level))) {
      break;
    }
  }
  // On the levels below, forward, it lies behind what follows there: none goes back.
  Node* at = Head();
  if (forward && level > 0) {
    at = before(level - 1);
  } else if (level < height) {
    at = before(level);
  }
  while (--level >= 0) {
    at = Advance(at, level, key);
    before_[static_cast<size_t>(level)] = at;
  }
}

MemtableList::Node* MemtableList::Advance(Node* at, int level, std::string_view key) {
  for (Node* next = at->Next(level); next != nullptr && IsBefore(next->key(), key);) {
    at = next;
    next = at->Next(level);
  }
  return at;
}

MemtableList::Node* MemtableList::LastBefore(std::string_view key) const {
  Node* at = Head();
  for (int level = height_.load(std::memory_order_relaxed); --level >= 0;) {
    at = Advance(at, level, key);
  }
  return at;
}

const MemtableList::Node* MemtableList::SeekForPrev(std::string_view key) const {
  const Node* const before = LastBefore(key);
  const Node* const next = before->Next(0);
  return next != nullptr && next->key() == key ? next : OrNull(before);
}

const MemtableList::Node* MemtableList::Last() const {
  const Node* at = Head();
  for (int level = height_.load(std::memory_order_relaxed); --level >= 0;) {
    while (const Node* next = at->Next(level)) at = next;
  }
  return OrNull(at);
}

}  // namespace postroad::store
