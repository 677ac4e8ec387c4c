// Checks and encodes posted events.
#include "broker/post.h"

#include <charconv>

#include "core/bytes.h"
#include "core/uuid.h"

namespace postroad::broker {

namespace {

Error TooLarge(std::string field, std::string message, std::string reason, uint64_t limit) {
  return Error{ErrorCode::kInvalidArgument,
               std::move(message),
               std::move(field),
               std::move(reason),
               {{"limit_bytes", std::to_string(limit)}}};
}

// The record in a body's entry of this size: without tag and length.
size_t RecordBytes(size_t entry_bytes) {
  const size_t record = entry_bytes - 1 - VarintSize(entry_bytes);
  return record + 1 + VarintSize(record) == entry_bytes ? record : record + 1;
}

}  // namespace

PostBuilder::PostBuilder(const journal::TopicRules& rules, const auth::Principal& principal,
                         Timestamp now, PostDefaults defaults)
    : rules_(rules), principal_(principal), now_(now), defaults_(defaults) {}

std::string PostBuilder::Field(std::string_view name) const {
  char number[20];
  const auto end = std::to_chars(number, number + sizeof number, size()).ptr;
  std::string field(defaults_.field);
  field.append("[").append(number, end).append("]");
  if (!name.empty()) field.append(".").append(name);
  return field;
}

Status PostBuilder::Add(EventView& event) {
  if (size() == kMaxPostEvents) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "a batch has at most 10,000 events; send several",
                      std::string(defaults_.field),
                      "BATCH_TOO_LARGE",
                      {{"limit_events", std::to_string(kMaxPostEvents)}}});
  }
  if (size() == 0 || event.topic != topic_) POSTROAD_TRY(EnterTopic(event.topic));
  const bool id_made = event.id.empty();
  FillIn(event);
  // The path is made only when it is needed.
  if (!CheckEvent(event, {})) [[unlikely]]
    return CheckEvent(event, Field());
  if (event.payload.size() > settings_.max_event_bytes) {
    return Fail(TooLarge(Field("payload"), "the event is larger than its topic allows",
                         "EVENT_TOO_LARGE", settings_.max_event_bytes));
  }
  const bool future = event.deliver_at && *event.deliver_at > now_;
  POSTROAD_TRY(future ? AddToSchedule(event, id_made) : AddToChunk(event, id_made));
  if (id_made) post_.made_ids_.append(event.id);
  if (defaults_.keep_ids) post_.event_ids_.emplace_back(event.id);
  return {};
}

Status PostBuilder::EnterTopic(std::string_view topic) {
  if (!CheckTopicName(topic, {})) [[unlikely]]
    return CheckTopicName(topic, Field("topic"));
  if (IsSystemTopic(topic)) {
    return Invalid(Field("topic"),
                   "topics that begin with '_' are Postroad's own and cannot be posted to",
                   "SYSTEM_TOPIC");
  }
  if (auto allowed = principal_.Check(auth::Right::kPost, topic); !allowed) {
    allowed.error().field = Field("topic");
    return allowed;
  }
  topic_ = topic;
  settings_ = rules_.For(topic);
  return {};
}

void PostBuilder::FillIn(EventView& event) {
  if (event.id.empty()) {
    id_ = NewUuidV7(now_);
    event.id = id_;
  }
  if (!event.time) event.time = now_;
  if (!defaults_.traceparent.empty() && event.headers.size() < kMaxHeaders &&
      !event.Header(kTraceparentHeader)) {
    event.headers.emplace_back(kTraceparentHeader, defaults_.traceparent);
  }
}

Status PostBuilder::AddToChunk(const EventView& event, bool id_made) {
  auto& chunks = post_.batch_.chunks;
  if (chunks.empty() || chunks.back().topic != topic_) chunks.emplace_back().topic = topic_;
  journal::Chunk& chunk = chunks.back();
  const size_t before = chunk.body.size();
  AppendToBody(event, chunk.body);
  POSTROAD_TRY(CountBytes(RecordBytes(chunk.body.size() - before)));
  chunk.fingerprints.push_back(id_made ? 0 : EventFingerprint(topic_, event.id));
  post_.slots_.push_back({.chunk = static_cast<uint32_t>(chunks.size() - 1),
                          .index = chunk.count,
                          .id_made = id_made});
  ++chunk.count;
  return {};
}

Status PostBuilder::AddToSchedule(const EventView& event, bool id_made) {
  auto& future = post_.batch_.future;
  journal::FutureEvent scheduled{.topic = topic_,
                                 .due = *event.deliver_at,
                                 .record = EncodeRecord(event),
                                 .id = std::string(event.id)};
  POSTROAD_TRY(CountBytes(scheduled.record.size()));
  scheduled.search_keys.assign(event.search_keys.begin(), event.search_keys.end());
  post_.slots_.push_back({.chunk = PendingPost::kScheduled,
                          .index = static_cast<uint32_t>(future.size()),
                          .id_made = id_made});
  future.push_back(std::move(scheduled));
  return {};
}

Status PostBuilder::CountBytes(size_t record_bytes) {
  if (record_bytes > settings_.max_event_bytes) {
    return Fail(TooLarge(Field(), "the event is larger than its topic allows", "EVENT_TOO_LARGE",
                         settings_.max_event_bytes));
  }
  post_.bytes_ += record_bytes;
  if (post_.bytes_ > kMaxPostBytes && size() > 0) {
    return Fail(TooLarge(std::string(defaults_.field), "a batch has at most 8 MiB; send several",
                         "BATCH_TOO_LARGE", kMaxPostBytes));
  }
  return {};
}

Result<PendingPost> PostBuilder::Finish() {
  if (size() == 0) {
    return Invalid(std::string(defaults_.field), "a batch has at least one event");
  }
  return std::move(post_);
}

}  // namespace postroad::broker
