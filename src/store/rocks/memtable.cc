// The store's memtable: MemtableList as RocksDB wants it.
#include "store/rocks/memtable.h"

#include <cstdint>
#include <new>

#include "store/rocks/engine.h"
#include "store/rocks/memtable_list.h"

namespace postroad::store {
namespace {

class Memtable final : public rocksdb::MemTableRep {
 public:
  explicit Memtable(rocksdb::Allocator* allocator) : MemTableRep(allocator) {}

  rocksdb::KeyHandle Allocate(size_t len, char** buf) override {
    height_ = list_.RandomHeight();
    const size_t links = MemtableList::LinkBytes(height_);
    char* const bytes = AllocateAligned(links + len);
    *buf = bytes + links;
    return MemtableList::Place(bytes, height_);
  }
  void Insert(rocksdb::KeyHandle handle) override {
    list_.Insert(static_cast<MemtableList::Node*>(handle), height_);
  }
  bool Contains(const char* key) const override;
  size_t ApproximateMemoryUsage() override { return 0; }  // beside the allocator's
  void Get(const rocksdb::LookupKey& key, void* argument,
           bool (*found)(void* argument, const char* entry)) override;
  Iterator* GetIterator(rocksdb::Arena* arena) override;
  Iterator* GetDynamicPrefixIterator(rocksdb::Arena* arena) override {
    return lent_ != nullptr ? lent_ : GetIterator(arena);
  }

 private:
  class Cursor;

  // As pointers are.
  char* AllocateAligned(size_t size) {
    char* bytes = nullptr;
    MemTableRep::Allocate(size + alignof(void*) - 1, &bytes);
    const size_t over = reinterpret_cast<uintptr_t>(bytes) % alignof(void*);
    return over == 0 ? bytes : bytes + (alignof(void*) - over);
  }

  // What Get on this thread has the default of Get use.
  static inline thread_local Iterator* lent_ = nullptr;

  MemtableList list_;
  int height_ = 0;  // of what was allocated last, and is inserted next
};

class Memtable::Cursor final : public MemTableRep::Iterator {
 public:
  explicit Cursor(const MemtableList& list) : list_(list) {}

  bool Valid() const override { return node_ != nullptr; }
  const char* key() const override { return node_->entry(); }
  void Next() override { node_ = node_->next(); }
  void Prev() override { node_ = list_.SeekBefore(node_->key()); }
  void Seek(const rocksdb::Slice& internal_key, const char* /*memtable_key*/) override {
    node_ = list_.Seek(ToView(internal_key));
  }
  void SeekForPrev(const rocksdb::Slice& internal_key, const char* /*memtable_key*/) override {
    node_ = list_.SeekForPrev(ToView(internal_key));
  }
  void SeekToFirst() override { node_ = list_.First(); }
  void SeekToLast() override { node_ = list_.Last(); }

 private:
  const MemtableList& list_;
  const MemtableList::Node* node_ = nullptr;
};

bool Memtable::Contains(const char* key) const {
  const std::string_view internal_key = ToView(UserKey(key));
  const std::string_view whole(internal_key.data(), internal_key.size() + 8);
  const MemtableList::Node* const node = list_.Seek(whole);
  return node != nullptr && node->key() == whole;
}

void Memtable::Get(const rocksdb::LookupKey& key, void* argument,
                   bool (*found)(void* argument, const char* entry)) {
  // What is in a LookupKey only the default knows, which in RocksDB 7.8 asks for an iterator and
  // does not delete it.
  Cursor cursor(list_);
  lent_ = &cursor;
  MemTableRep::Get(key, argument, found);
  lent_ = nullptr;
}

rocksdb::MemTableRep::Iterator* Memtable::GetIterator(rocksdb::Arena* arena) {
  if (arena == nullptr) return new Cursor(list_);
  // An arena is an Allocator first of all, though no public header says so, and from an Allocator a
  // MemTableRep can allocate.
  Memtable in_arena(reinterpret_cast<rocksdb::Allocator*>(arena));
  return new (in_arena.AllocateAligned(sizeof(Cursor))) Cursor(list_);
}

class MemtableFactory final : public rocksdb::MemTableRepFactory {
 public:
  using MemTableRepFactory::CreateMemTableRep;
  rocksdb::MemTableRep* CreateMemTableRep(const rocksdb::MemTableRep::KeyComparator&,
                                          rocksdb::Allocator* allocator,
                                          const rocksdb::SliceTransform*,
                                          rocksdb::Logger*) override {
    return new Memtable(allocator);
  }
  const char* Name() const override { return "PostroadMemtable"; }
};

}  // namespace

std::shared_ptr<rocksdb::MemTableRepFactory> NewMemtableFactory() {
  return std::make_shared<MemtableFactory>();
}

}  // namespace postroad::store
