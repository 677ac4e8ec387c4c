// Times, events, filters, stream requests.
#include "gateway/grpc/convert.h"

namespace postroad::gateway {

namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMaxDurationSeconds = 100LL * 366 * 24 * 3600;

std::string Sub(std::string_view field, std::string_view name) {
  return std::string(field).append(".").append(name);
}

}  // namespace

Result<Timestamp> FromProto(const google::protobuf::Timestamp& time, std::string_view field) {
  constexpr int64_t kLast = kLatestTime.time_since_epoch().count() / kNanosPerSecond;
  if (time.nanos() < 0 || time.nanos() >= kNanosPerSecond || time.seconds() < 0 ||
      time.seconds() > kLast || (time.seconds() == kLast && time.nanos() > 0)) {
    return Invalid(std::string(field), "must be between 1970 and 2200, nanos 0 to 999,999,999");
  }
  return FromNanos(time.seconds() * kNanosPerSecond + time.nanos());
}

Result<Duration> FromProto(const google::protobuf::Duration& duration, std::string_view field) {
  if (duration.nanos() < 0 || duration.nanos() >= kNanosPerSecond || duration.seconds() < 0 ||
      duration.seconds() > kMaxDurationSeconds) {
    return Invalid(std::string(field), "must be 0 to 100 years, nanos 0 to 999,999,999");
  }
  return Duration(duration.seconds() * kNanosPerSecond + duration.nanos());
}

google::protobuf::Timestamp ToProto(Timestamp time) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(ToNanos(time) / kNanosPerSecond);
  proto.set_nanos(static_cast<int32_t>(ToNanos(time) % kNanosPerSecond));
  return proto;
}

google::protobuf::Duration ToProto(Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(duration.count() / kNanosPerSecond);
  proto.set_nanos(static_cast<int32_t>(duration.count() % kNanosPerSecond));
  return proto;
}

Result<Event> FromProto(const v1::Event& proto, std::string_view field) {
  Event event;
  event.id = proto.id();
  event.topic = proto.topic();
  event.key = proto.key();
  event.type = proto.type();
  event.content_type = proto.content_type();
  event.payload = proto.payload();
  for (const auto& [name, value] : proto.headers()) event.headers.emplace_back(name, value);
  if (proto.has_time()) {
    POSTROAD_ASSIGN(event.time, FromProto(proto.time(), Sub(field, "time")));
  }
  if (proto.has_deliver_at()) {
    POSTROAD_ASSIGN(event.deliver_at, FromProto(proto.deliver_at(), Sub(field, "deliver_at")));
  }
  event.search_keys.assign(proto.search_keys().begin(), proto.search_keys().end());
  return event;
}

Result<v1::Event> RecordToProto(std::string_view record, std::string_view topic) {
  v1::Event event;
  if (!event.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return Fail(ErrorCode::kDataLoss, "a stored event is malformed");
  }
  event.set_topic(std::string(topic));
  return event;
}

EventFilter FromProto(const v1::Filter& filter) {
  EventFilter own;
  own.types.assign(filter.types().begin(), filter.types().end());
  own.keys.assign(filter.keys().begin(), filter.keys().end());
  own.headers.insert(filter.headers().begin(), filter.headers().end());
  return own;
}

namespace {

Result<broker::StreamStart> StartOf(const v1::ReadRequest& request) {
  switch (request.start_case()) {
    case v1::ReadRequest::kCursor:
      return broker::FromCursor{request.cursor()};
    case v1::ReadRequest::kBeginning:
      if (!request.beginning()) return Invalid("beginning", "must be true where it is given");
      return broker::FromBeginning{};
    case v1::ReadRequest::kEnd:
      if (!request.end()) return Invalid("end", "must be true where it is given");
      return broker::FromEnd{};
    case v1::ReadRequest::kLast:
      return broker::FromLast{request.last()};
    case v1::ReadRequest::kTime: {
      POSTROAD_ASSIGN(const Timestamp time, FromProto(request.time(), "time"));
      return broker::FromTime{time};
    }
    case v1::ReadRequest::kOffset:
      return broker::FromOffset{Offset(request.offset())};
    case v1::ReadRequest::START_NOT_SET:
      break;
  }
  return broker::FromEnd{};
}

}  // namespace

Result<broker::StreamSpec> FromProto(const v1::ReadRequest& request) {
  const std::vector<std::string> topics(request.topics().begin(), request.topics().end());
  POSTROAD_ASSIGN(TopicSelector selector, TopicSelector::Parse(topics, "topics"));
  POSTROAD_ASSIGN(broker::StreamStart start, StartOf(request));
  broker::StreamSpec spec{.topics = std::move(selector),
                          .start = std::move(start),
                          .filter = FromProto(request.filter()),
                          .client_id = request.client_id(),
                          .stop_at_end = request.stop_at_end()};
  if (request.max_batch_bytes() != 0) spec.max_batch_bytes = request.max_batch_bytes();
  return spec;
}

}  // namespace postroad::gateway
