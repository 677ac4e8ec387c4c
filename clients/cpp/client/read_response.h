// A ReadResponse as it came over the wire, taken apart without being copied.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_READ_RESPONSE_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_READ_RESPONSE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/cursor.h"
#include "core/error.h"
#include "postroad/reader.h"

namespace postroad::client {

// Views of the message's bytes.
struct RawReadResponse {
  std::vector<ReadNotice> notices;  // epoch changed, gaps
  std::vector<std::string_view> batches;
  std::string_view cursor;
  bool caught_up = false;
};
// INTERNAL if malformed. Reuses `out`'s room.
Status ParseReadResponse(std::string_view bytes, RawReadResponse& out);

struct RawEventBatch {
  std::string_view topic;
  uint64_t first_offset = 0;
  uint64_t first_position = 0;
  std::vector<uint64_t> offsets;  // empty: first_offset and on
  std::vector<std::string_view> records;
  Timestamp stored_at{};

  uint64_t OffsetAt(size_t i) const { return offsets.empty() ? first_offset + i : offsets[i]; }
};
Status ParseEventBatch(std::string_view bytes, RawEventBatch& out);

// Appends a repeated integer field's value: one varint, or several packed.
bool AppendIntegers(uint64_t value, std::string_view packed, std::vector<uint64_t>& out);

}  // namespace postroad::client

namespace postroad {

// What it takes to make the cursor after any event of a response.
class CursorBook {
 public:
  // Begins a response that ends with `cursor`. INVALID_ARGUMENT if that is no cursor.
  Status Begin(std::string_view cursor);
  // The cursor after the event at (offset, position).
  std::string After(uint64_t offset, uint64_t position) const;
  // The response was handled.
  void Finish() { before_ = end_; }
  const std::string& before() const { return before_; }

 private:
  Cursor cursor_;       // `end_`, decoded
  std::string before_;  // where the response began
  std::string end_;
};

// An event's place in its topic and in the feed.
struct EventPlace {
  uint64_t offset = 0;
  uint64_t position = 0;
};

// Fills in ReadEvents for the reader's loop.
class ReadEvents {
 public:
  explicit ReadEvents(const CursorBook& book) { event_.book_ = &book; }
  // INTERNAL if the record is malformed. Valid until the next call.
  Status Fill(const client::RawEventBatch& batch, size_t index);
  const ReadEvent& event() const { return event_; }
  EventPlace Place() const { return {event_.offset_.value(), event_.position_}; }

 private:
  ReadEvent event_;
};

}  // namespace postroad

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_READ_RESPONSE_H_
