// Keys of the store's own values, in the default column family.
#ifndef POSTROAD_STORE_ROCKS_STORE_KEYS_H_
#define POSTROAD_STORE_ROCKS_STORE_KEYS_H_

namespace postroad::store {

inline constexpr char kEpochKey[] = "epoch";           // u64
inline constexpr char kNextTopicKey[] = "next_topic";  // u64: the id the next new topic will get
inline constexpr char kCleanKey[] = "clean";  // there while the store is closed in good order

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_STORE_KEYS_H_
