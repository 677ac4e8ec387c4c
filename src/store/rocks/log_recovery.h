// Decides, before the store opens, whether its write-ahead log may be recovered from.
#ifndef POSTROAD_STORE_ROCKS_LOG_RECOVERY_H_
#define POSTROAD_STORE_ROCKS_LOG_RECOVERY_H_

#include "core/error.h"
#include "store/rocks/rocks_store.h"

namespace postroad::store {

// Fine, with a notice where a torn tail will be cut off; or DATA_LOSS reason STORE_CORRUPT where
// something that was durable lies behind a damage. Changes nothing. The folder must be locked.
Status CheckLog(const RocksOptions& options);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_LOG_RECOVERY_H_
