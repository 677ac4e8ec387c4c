// An event, and the record: the byte form in which it is stored and sent.
//
// A record is the protobuf wire encoding of postroad.v1.Event (docs/formats/event.md), so that what
// was stored goes out to gRPC readers without being encoded again. A *body* is a sequence of
// records, each framed as one entry of `repeated Event events = 4` of postroad.v1.EventBatch: tag
// 0x22, length as varint, record. The topic is not in the record; whoever holds a body knows it.
#ifndef POSTROAD_CORE_EVENT_H_
#define POSTROAD_CORE_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace postroad {

inline constexpr size_t kMaxIdBytes = 255;
inline constexpr size_t kMaxKeyBytes = 1024;
inline constexpr size_t kMaxTypeBytes = 255;
inline constexpr size_t kMaxContentTypeBytes = 255;
inline constexpr size_t kMaxHeaders = 64;
inline constexpr size_t kMaxHeaderNameBytes = 255;
inline constexpr size_t kMaxHeaderValueBytes = 8192;
inline constexpr size_t kMaxSearchKeys = 16;
inline constexpr size_t kMaxSearchKeyBytes = 255;
// The largest event that any configuration can allow, all fields together.
inline constexpr size_t kMaxEventBytes = 64 << 20;

// Header by which trace context goes from post to delivery (W3C Trace Context).
inline constexpr std::string_view kTraceparentHeader = "traceparent";

// An event that owns its fields.
struct Event {
  std::string id;  // UUIDv7 unless the producer gives one; unique in its topic's dedup window
  std::string topic;
  std::string key;  // events of one key are kept in order where a subscription asks for it
  std::string type;
  std::string content_type;
  std::string payload;
  std::vector<std::pair<std::string, std::string>> headers;  // names unique, in the order given
  std::optional<Timestamp> time;        // when it happened; set on accepting it if absent
  std::optional<Timestamp> deliver_at;  // not before this time
  std::vector<std::string> search_keys;

  bool operator==(const Event&) const = default;
};

// An event whose fields are views of somebody else's bytes, valid as long as those are.
struct EventView {
  std::string_view id;
  std::string_view topic;
  std::string_view key;
  std::string_view type;
  std::string_view content_type;
  std::string_view payload;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::optional<Timestamp> time;
  std::optional<Timestamp> deliver_at;
  std::vector<std::string_view> search_keys;

  // Sets every field to empty and keeps the vectors' room, for reuse in a loop.
  void Clear();
  std::optional<std::string_view> Header(std::string_view name) const;
  Event ToEvent() const;
};

EventView ViewOf(const Event& event);

// Parses a record (also one that carries a topic, as a posted event does). Unknown fields are
// skipped. INVALID_ARGUMENT with the byte offset if it is not a well-formed postroad.v1.Event.
// Does not check limits or UTF-8; CheckEvent does. A time that is none, or beyond what nanoseconds
// hold, becomes Timestamp::min(), which CheckEvent refuses. Of headers with one name the last wins
// (past kMaxHeaders names all are kept; CheckEvent refuses those events). `out` views `record`.
Status ParseRecord(std::string_view record, EventView& out);

// Checks every limit above, UTF-8 of all text fields, header names (printable ASCII without blanks,
// no two alike) and times. Does not check the topic (CheckTopicName) or the payload's size.
// `field` is the path of the event in its request ("events[3]").
Status CheckEvent(const EventView& event, std::string_view field);

// Appends the record framed as a body's entry. The topic is left out. Returns the entry's bytes.
size_t AppendToBody(const EventView& event, std::string& body);
// The record alone, without frame and topic.
std::string EncodeRecord(const EventView& event);

// Walks a body's records in order.
class BodyReader {
 public:
  explicit BodyReader(std::string_view body) : rest_(body) {}
  // The next record, or nothing at the end or where the body is malformed (see ok()).
  std::optional<std::string_view> Next();
  // False once something that is no record was met.
  bool ok() const { return ok_; }
  // What is not yet read.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// The body without its first `n` records. DATA_LOSS if it has fewer or is malformed.
Result<std::string_view> SkipRecords(std::string_view body, uint32_t n);

// What dedup and receipts look events up by: a 64-bit hash of topic and id, never 0. The same on
// every machine and version (XXH3, seed 0, over topic, a zero byte, id).
uint64_t EventFingerprint(std::string_view topic, std::string_view id);

}  // namespace postroad

#endif  // POSTROAD_CORE_EVENT_H_
