#include "client/post_codec.h"

#include "client/convert.h"
#include "client/status.h"
#include "client/wire.h"
#include "core/names.h"
#include "core/record.h"

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

Status CheckPostedTopic(std::string_view topic, std::string_view field) {
  POSTROAD_TRY(CheckTopicName(topic, field));
  if (IsSystemTopic(topic)) {
    return Invalid(std::string(field), "topics that begin with '_' are the server's own",
                   "SYSTEM_TOPIC");
  }
  return {};
}

Status CheckPosted(const EventView& event, std::string_view field) {
  POSTROAD_TRY(CheckPostedTopic(event.topic, std::string(field) + ".topic"));
  return CheckPostedButTopic(event, field);
}

Status CheckPostedButTopic(const EventView& event, std::string_view field) {
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
  const size_t topic_size = 1 + VarintSize(event.topic.size()) + event.topic.size();
  PutVarint(request, kEventsField << 3 | 2);
  PutVarint(request, topic_size + RecordSize(event));
  PutBytesField(request, kTopicField, event.topic);
  AppendRecord(event, request);
}

Result<PostReply> ParsePostReply(std::string_view bytes, size_t expected) {
  PostReply reply;
  reply.results.reserve(expected);
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
