// The store's memtable: a sorted list in memory that RocksDB fills with what was written last.
#ifndef POSTROAD_STORE_ROCKS_MEMTABLE_H_
#define POSTROAD_STORE_ROCKS_MEMTABLE_H_

#include <rocksdb/memtablerep.h>

#include <memory>

namespace postroad::store {

// For column families in byte order, and a database that does not write memtables concurrently. One
// thread inserts while others read. A key that follows the one put before it costs one comparison,
// and keys in any order as many as they are far from each other, where RocksDB's own list, as
// Debian builds it, checks all its levels with each insertion.
std::shared_ptr<rocksdb::MemTableRepFactory> NewMemtableFactory();

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_MEMTABLE_H_
