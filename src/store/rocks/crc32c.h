// CRC-32C (Castagnoli), the checksum of stored runs and of RocksDB's write-ahead log.
#ifndef POSTROAD_STORE_ROCKS_CRC32C_H_
#define POSTROAD_STORE_ROCKS_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace postroad::store {

// The CRC of what `crc` was the CRC of, followed by `data`. Start with 0.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view data);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_CRC32C_H_
