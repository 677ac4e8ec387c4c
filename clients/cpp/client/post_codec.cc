#include "client/post_codec.h"

#include "client/convert.h"
#include "client/status.h"
#include "client/wire.h"
#include "core/names.h"

namespace postroad::client {
namespace {

constexpr uint32_t kEventsField = 1;  // of PostRequest
constexpr uint32_t kTopicField = 2;   // of Event

PostResult ParseResult(std::string_view bytes) {
  PostResult result;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case 1:
        result.id = field.bytes;
        break;
      case 2:
        result.offset = Offset(field.value);
        break;
      case 3:
        result.duplicate = field.value != 0;
        break;
      case 4:
        result.scheduled = field.value != 0;
        break;
      default:
        break;
    }
  }
  return result;
}

}  // namespace

Status CheckPosted(const EventView& event, std::string_view field) {
  POSTROAD_TRY(CheckTopicName(event.topic, std::string(field) + ".topic"));
  if (IsSystemTopic(event.topic)) {
    return Invalid(std::string(field) + ".topic", "topics that begin with '_' are the server's own",
                   "SYSTEM_TOPIC");
  }
  POSTROAD_TRY(CheckEvent(event, field));
  if (event.payload.size() > kMaxEventBytes) {
    return Invalid(std::string(field) + ".payload",
                   "has " + std::to_string(event.payload.size()) + " bytes; no server takes over " +
                       std::to_string(kMaxEventBytes),
                   "EVENT_TOO_LARGE");
  }
  return {};
}

void AppendPosted(const EventView& event, std::string& request) {
  // Core's body entry, without the frame it has there: another tag is due here, and the topic.
  thread_local std::string entry;
  entry.clear();
  AppendToBody(event, entry);
  std::string_view record = entry;
  record.remove_prefix(1);
  const uint64_t size = TakeVarint(record).value_or(0);
  const size_t topic_size = 1 + VarintSize(event.topic.size()) + event.topic.size();
  PutVarint(request, kEventsField << 3 | 2);
  PutVarint(request, topic_size + size);
  PutBytesField(request, kTopicField, event.topic);
  request.append(record);
  if (entry.capacity() > (1 << 20)) std::string().swap(entry);  // one large event, not for ever
}

Result<PostReply> ParsePostReply(std::string_view bytes) {
  PostReply reply;
  PostDurability durability = PostDurability::kMemory;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case 1:
        reply.results.push_back(ParseResult(field.bytes));
        break;
      case 2:
        durability = ToDurability(field.value);
        break;
      case 5:
        reply.refused = true;
        reply.error = ParseStatusDetail(field.bytes);
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return Fail(ErrorCode::kInternal, "the server sent a malformed PostResponse");
  for (PostResult& result : reply.results) result.durability = durability;
  return reply;
}

}  // namespace postroad::client
