// Kafka messages: what is sent, and what came.
#ifndef POSTROAD_KAFKA_MESSAGE_H_
#define POSTROAD_KAFKA_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"

namespace postroad::kafka {

// To be sent. Reused in a loop: Clear keeps the room.
struct Message {
  std::optional<std::string> key;
  std::string value;
  bool tombstone = false;  // null instead of a value
  std::vector<std::pair<std::string, std::string>> headers;

  void Clear() {
    key.reset();
    value.clear();
    tombstone = false;
    headers.clear();
  }
};

// As it came; views of librdkafka's bytes, valid while its MessageSink call runs.
struct MessageView {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<std::string_view> key;
  std::string_view value;
  bool tombstone = false;  // the value is null, which is not an empty one
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  Timestamp time{};

  // The last of that name, as Kafka's own readers take it.
  std::optional<std::string_view> Header(std::string_view name) const {
    for (auto it = headers.rbegin(); it != headers.rend(); ++it) {
      if (it->first == name) return it->second;
    }
    return std::nullopt;
  }
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_MESSAGE_H_
