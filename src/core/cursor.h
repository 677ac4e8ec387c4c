// Cursors: where a reader is, as an opaque string it can keep anywhere (docs/formats/cursor.md).
#ifndef POSTROAD_CORE_CURSOR_H_
#define POSTROAD_CORE_CURSOR_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/types.h"

namespace postroad {

// The next event to read of one topic.
struct TopicCursor {
  Epoch epoch;
  Offset next;
  uint32_t topic_hash = 0;  // TopicCursorHash of the topic, to notice a cursor of another one
  bool operator==(const TopicCursor&) const = default;
};

// The next event to read of several topics or a pattern: one feed position a partition.
struct FeedCursor {
  Epoch epoch;
  std::vector<FeedPosition> next;  // indexed by partition, 1 to 1,024 of them
  bool operator==(const FeedCursor&) const = default;
};

using Cursor = std::variant<TopicCursor, FeedCursor>;

// The text by which an epoch is shown: 16 hexadecimal digits.
std::string EpochText(Epoch epoch);

uint32_t TopicCursorHash(std::string_view topic);

// URL-safe text of at most 24 + 14 × partitions characters.
std::string EncodeCursor(const Cursor& cursor);
// INVALID_ARGUMENT, reason BAD_CURSOR, naming `field`, unless it is exactly what EncodeCursor gave.
Result<Cursor> DecodeCursor(std::string_view text, std::string_view field);

}  // namespace postroad

#endif  // POSTROAD_CORE_CURSOR_H_
