// The list in the store's memtable: a skip list whose insertions begin where the last one was.
#ifndef POSTROAD_STORE_ROCKS_MEMTABLE_LIST_H_
#define POSTROAD_STORE_ROCKS_MEMTABLE_LIST_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postroad::store {

// A RocksDB memtable's entries (rocksdb/memtablerep.h): the internal key's length as a varint, the
// internal key, which is a user key and 8 bytes of sequence and type, and the value. In the order
// of the user keys' bytes, and of the same one the newest first. Owns no memory. One thread calls
// Place and Insert; others may look at the same time, and see an entry once it is inserted.
class MemtableList {
 public:
  // The link of a node's lowest level. Those of the levels above lie before it, the entry after it.
  class Node {
   public:
    const char* entry() const { return reinterpret_cast<const char*>(this + 1); }
    std::string_view key() const;  // internal
    const Node* next() const { return Next(0); }

   private:
    friend class MemtableList;
    Node* Next(int level) const { return (this - level)->link_.load(std::memory_order_acquire); }

    std::atomic<Node*> link_;
  };

  MemtableList() { before_.fill(Head()); }
  MemtableList(const MemtableList&) = delete;

  // How tall the next node is to be.
  int RandomHeight();
  static size_t LinkBytes(int height) { return static_cast<size_t>(height) * sizeof(Node); }
  // A node in LinkBytes(height) at `bytes`, aligned as pointers are; its entry is to be written
  // right behind, and then it inserted.
  static Node* Place(char* bytes, int height);
  // `height`: as it was placed with. No entry has the same key.
  void Insert(Node* node, int height);

  // The first whose internal key is not before `key`; null if there is none.
  const Node* Seek(std::string_view key) const { return LastBefore(key)->Next(0); }
  // The last whose internal key is before `key`, or not after it; null if there is none.
  const Node* SeekBefore(std::string_view key) const { return OrNull(LastBefore(key)); }
  const Node* SeekForPrev(std::string_view key) const;
  const Node* First() const { return Head()->Next(0); }
  const Node* Last() const;

 private:
  static constexpr int kMaxHeight = 12;

  Node* Head() const { return const_cast<Node*>(&head_[kMaxHeight - 1]); }
  const Node* OrNull(const Node* node) const { return node == Head() ? nullptr : node; }
  // Makes `before_` what is right before `key`, on each level.
  void MoveTo(std::string_view key);
  // The last node before `key` on this level, where `at` is one or the head.
  static Node* Advance(Node* at, int level, std::string_view key);
  Node* LastBefore(std::string_view key) const;  // or the head

  std::array<Node, kMaxHeight> head_{};
  std::atomic<int> height_ = 1;
  // Of the inserting thread: on each level the node where it inserted last, or the one before that.
  std::array<Node*, kMaxHeight> before_;
  uint64_t random_ = 0x9e3779b97f4a7c15;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_MEMTABLE_LIST_H_
