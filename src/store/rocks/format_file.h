// The file FORMAT of a store's folder: says that a store is there, whole, and of which version.
#ifndef POSTROAD_STORE_ROCKS_FORMAT_FILE_H_
#define POSTROAD_STORE_ROCKS_FORMAT_FILE_H_

#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad::store {

// Whether a store is there that this program can read. False: none, or one whose creation was cut
// short. FAILED_PRECONDITION reason NEWER_FORMAT, reason IS_BACKUP (to be restored, not opened);
// DATA_LOSS reason STORE_CORRUPT where data is there without its FORMAT or CURRENT file.
Result<bool> CheckFormatFile(const std::string& directory);
Status WriteFormatFile(const std::string& directory);

// A backup's folder has this file; a store's has not.
inline constexpr char kBackupFile[] = "BACKUP";

// Writes a file and makes it durable, name and contents. UNAVAILABLE, RESOURCE_EXHAUSTED DISK_FULL.
Status WriteDurably(const std::string& path, std::string_view contents);
// Makes a file's contents, or the names in a folder, durable.
Status SyncFile(const std::string& path);
Status SyncFolder(const std::string& directory);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_FORMAT_FILE_H_
