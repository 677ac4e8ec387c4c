// How RocksDB is set up for the store.
#ifndef POSTROAD_STORE_ROCKS_ENGINE_OPTIONS_H_
#define POSTROAD_STORE_ROCKS_ENGINE_OPTIONS_H_

#include <rocksdb/db.h>

#include <string>
#include <vector>

#include "store/rocks/rocks_store.h"

namespace postroad::store {

rocksdb::DBOptions MakeDbOptions(const RocksOptions& options);
// One for each Family, in its order.
std::vector<rocksdb::ColumnFamilyDescriptor> MakeFamilies(const RocksOptions& options);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_ENGINE_OPTIONS_H_
