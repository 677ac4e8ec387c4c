// The keys and values that the embedded store keeps, as docs/formats/store.md describes them.
// Bytes only: no RocksDB here.
#ifndef POSTROAD_STORE_ROCKS_FORMATS_H_
#define POSTROAD_STORE_ROCKS_FORMATS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "core/types.h"
#include "store/store.h"

namespace postroad::store {

// Written to the file FORMAT in the store's folder. A higher one is refused.
inline constexpr uint32_t kFormatVersion = 1;

// Key of a run, and (with `first` 0) the lower bound of a topic's runs.
void PutRunKey(std::string& out, TopicId topic, Offset first);
std::string RunKey(TopicId topic, Offset first);
struct RunPlace {
  TopicId topic;
  Offset first;
};
std::optional<RunPlace> ParseRunKey(std::string_view key);

// A run's value is this header and its body. It names its topic, so that a topic is found by its id
// without a key of its own for that.
struct RunHeader {
  uint32_t count = 0;
  Timestamp stored_at{};
  uint64_t bytes_before = 0;
  std::string_view topic_name;
  size_t size = 0;  // of the header, set by ParseRunHeader: the body begins there
};
// The header's bytes, with the checksum over `key`, header and `body`.
void PutRunHeader(std::string& out, std::string_view key, const RunHeader& header,
                  std::string_view body);
// Reads a value's header. Nothing if it is too short or of an unknown version.
std::optional<RunHeader> ParseRunHeader(std::string_view value);
// Whether the checksum in `value` is right for `key` and the rest of the value.
bool RunChecksumHolds(std::string_view key, std::string_view value);

// Key of a commit in the feed; also of a topic's trim state.
std::string NumberKey(uint64_t number);
std::optional<uint64_t> ParseNumberKey(std::string_view key);

// One commit's value in the feed; its key is the position of its first event.
class FeedValueBuilder {
 public:
  explicit FeedValueBuilder(Timestamp stored_at);
  void Reserve(size_t bytes) { value_.reserve(value_.size() + bytes); }
  void Add(TopicId topic, std::string_view name, Offset first, uint32_t count);
  const std::string& value() const { return value_; }

 private:
  std::string value_;
  TopicId previous_;
};
// Appends the commit's entries to `out`; false if the value is malformed.
bool ParseFeedValue(FeedPosition first, std::string_view value, std::vector<FeedEntry>& out);
std::optional<Timestamp> FeedValueTime(std::string_view value);

// A topic's value; its key is the topic's name.
struct TopicValue {
  TopicId id;
  Timestamp created{};
};
void PutTopicValue(std::string& out, const TopicValue& topic);
std::optional<TopicValue> ParseTopicValue(std::string_view value);

// What is known of a topic (or, under topic 0, of the feed) though its runs are gone.
struct TrimValue {
  uint64_t first = 0;  // nothing before it is kept
  uint64_t next = 0;   // the next offset (position) at the time of the trim
  uint64_t bytes = 0;  // bytes_before of what `next` begins
  Timestamp last{};    // stored_at of the last that was there
  std::string name;    // of the topic
};
std::string EncodeTrimValue(const TrimValue& trim);
std::optional<TrimValue> ParseTrimValue(std::string_view value);

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_FORMATS_H_
