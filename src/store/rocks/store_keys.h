// Keys of the store's own values, in the default column family.
#ifndef POSTROAD_STORE_ROCKS_STORE_KEYS_H_
#define POSTROAD_STORE_ROCKS_STORE_KEYS_H_

namespace postroad::store {

inline constexpr char kEpochKey[] = "epoch";           // u64
inline constexpr char kNextTopicKey[] = "next_topic";  // u64: the id the next new topic will get
// u64: of the ids given, how many are of topics that were deleted since. A store made before this
// was counted gets it when it is opened.
inline constexpr char kDeletedTopicsKey[] = "deleted_topics";
inline constexpr char kCleanKey[] = "clean";  // there while the store is closed in good order

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_STORE_KEYS_H_
