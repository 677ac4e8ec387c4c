#include "client/convert.h"

#include <utility>

namespace postroad::client {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

v1::Ordering ToProto(SubscriptionOrder order) {
  return order == SubscriptionOrder::kKey ? v1::ORDERING_KEY : v1::ORDERING_NONE;
}

SubscriptionStart FromProto(v1::StartPosition start) {
  switch (start) {
    case v1::START_POSITION_BEGINNING:
      return SubscriptionStart::kBeginning;
    case v1::START_POSITION_TIME:
      return SubscriptionStart::kTime;
    case v1::START_POSITION_OFFSET:
      return SubscriptionStart::kOffset;
    default:
      return SubscriptionStart::kEnd;
  }
}

ReceiptState FromProto(v1::ReceiptState state) {
  switch (state) {
    case v1::RECEIPT_STATE_STORED:
      return ReceiptState::kStored;
    case v1::RECEIPT_STATE_SENT:
      return ReceiptState::kSent;
    case v1::RECEIPT_STATE_RETRYING:
      return ReceiptState::kRetrying;
    case v1::RECEIPT_STATE_ACKED:
      return ReceiptState::kAcked;
    case v1::RECEIPT_STATE_DEAD:
      return ReceiptState::kDead;
    case v1::RECEIPT_STATE_FILTERED:
      return ReceiptState::kFiltered;
    default:
      return ReceiptState::kUnknown;
  }
}

EventFilter FromProto(const v1::Filter& filter) {
  EventFilter out;
  out.types.assign(filter.types().begin(), filter.types().end());
  out.keys.assign(filter.keys().begin(), filter.keys().end());
  out.headers.insert(filter.headers().begin(), filter.headers().end());
  return out;
}

std::string DurabilityName(v1::Durability durability) {
  switch (durability) {
    case v1::DURABILITY_MEMORY:
      return "memory";
    case v1::DURABILITY_DISK:
      return "disk";
    case v1::DURABILITY_REPLICATED:
      return "replicated";
    default:
      return {};
  }
}

ConnectionState FromProto(v1::ConnectionState state) {
  switch (state) {
    case v1::CONNECTION_STATE_PENDING:
      return ConnectionState::kPending;
    case v1::CONNECTION_STATE_DELIVERED:
      return ConnectionState::kDelivered;
    case v1::CONNECTION_STATE_ACKED:
      return ConnectionState::kAcked;
    case v1::CONNECTION_STATE_REPLIED:
      return ConnectionState::kReplied;
    case v1::CONNECTION_STATE_FAILED:
      return ConnectionState::kFailed;
    case v1::CONNECTION_STATE_GONE:
      return ConnectionState::kGone;
    default:
      return ConnectionState::kUnknown;
  }
}

ConnectionReceipt FromProto(const v1::ConnectionReceipt& receipt) {
  ConnectionReceipt out{.connection = receipt.connection(),
                        .user = receipt.user(),
                        .state = FromProto(receipt.state()),
                        .reason = receipt.reason(),
                        .reply = receipt.reply()};
  if (receipt.has_at()) out.at = client::FromProto(receipt.at());
  return out;
}

SubscriptionReceipt FromProto(const v1::SubscriptionReceipt& receipt) {
  SubscriptionReceipt out{.subscription = receipt.subscription(),
                          .state = FromProto(receipt.state()),
                          .attempts = receipt.attempts(),
                          .reason = receipt.reason(),
                          .reply = receipt.reply()};
  if (receipt.has_settled_at()) out.settled_at = client::FromProto(receipt.settled_at());
  return out;
}

}  // namespace

void ToProto(Timestamp t, google::protobuf::Timestamp* out) {
  out->set_seconds(ToNanos(t) / kNanosPerSecond);
  out->set_nanos(static_cast<int32_t>(ToNanos(t) % kNanosPerSecond));
}

void ToProto(Duration d, google::protobuf::Duration* out) {
  out->set_seconds(d.count() / kNanosPerSecond);
  out->set_nanos(static_cast<int32_t>(d.count() % kNanosPerSecond));
}

void ToProto(const EventFilter& filter, v1::Filter* out) {
  for (const auto& type : filter.types) out->add_types(type);
  for (const auto& key : filter.keys) out->add_keys(key);
  out->mutable_headers()->insert(filter.headers.begin(), filter.headers.end());
}

void ToProto(const Event& event, v1::Event* out) {
  out->set_id(event.id);
  out->set_topic(event.topic);
  out->set_key(event.key);
  out->set_type(event.type);
  out->set_content_type(event.content_type);
  out->set_payload(event.payload);
  out->mutable_headers()->insert(event.headers.begin(), event.headers.end());
  if (event.time) ToProto(*event.time, out->mutable_time());
  if (event.deliver_at) ToProto(*event.deliver_at, out->mutable_deliver_at());
  for (const auto& key : event.search_keys) out->add_search_keys(key);
}

v1::StartPosition ToProto(SubscriptionStart start) {
  switch (start) {
    case SubscriptionStart::kEnd:
      return v1::START_POSITION_END;
    case SubscriptionStart::kBeginning:
      return v1::START_POSITION_BEGINNING;
    case SubscriptionStart::kTime:
      return v1::START_POSITION_TIME;
    case SubscriptionStart::kOffset:
      return v1::START_POSITION_OFFSET;
  }
  return v1::START_POSITION_END;
}

void ToProto(const SubscriptionSettings& settings, v1::SubscriptionSettings* out) {
  for (const auto& topic : settings.topics) out->add_topics(topic);
  if (!settings.filter.Empty()) ToProto(settings.filter, out->mutable_filter());
  out->set_start(ToProto(settings.start));
  if (settings.start == SubscriptionStart::kTime) {
    ToProto(settings.start_time, out->mutable_start_time());
  }
  out->set_start_offset(settings.start_offset.value());
  out->set_max_in_flight(settings.max_in_flight);
  if (settings.ack_deadline != Duration{}) {
    ToProto(settings.ack_deadline, out->mutable_ack_deadline());
  }
  for (const Duration wait : settings.retry_schedule) ToProto(wait, out->add_retry_schedule());
  out->set_max_attempts(settings.max_attempts);
  out->set_ordering(ToProto(settings.order));
}

void ToProto(const ReadFrom& from, v1::ReadRequest* out) {
  struct Visitor {
    v1::ReadRequest* out;
    void operator()(const FromEnd&) { out->set_end(true); }
    void operator()(const FromBeginning&) { out->set_beginning(true); }
    void operator()(const FromLast& last) { out->set_last(last.events); }
    void operator()(const FromTime& from) { ToProto(from.time, out->mutable_time()); }
    void operator()(const FromOffset& from) { out->set_offset(from.offset.value()); }
    void operator()(const FromCursor& from) {
      if (from.cursor.empty()) return out->set_end(true);
      out->set_cursor(from.cursor);
    }
  };
  std::visit(Visitor{out}, from);
}

Timestamp FromProto(const google::protobuf::Timestamp& t) {
  return FromNanos(t.seconds() * kNanosPerSecond + t.nanos());
}

Duration FromProto(const google::protobuf::Duration& d) {
  return Duration(d.seconds() * kNanosPerSecond + d.nanos());
}

Event FromProto(const v1::Event& event) {
  Event out{.id = event.id(),
            .topic = event.topic(),
            .key = event.key(),
            .type = event.type(),
            .content_type = event.content_type(),
            .payload = event.payload()};
  out.headers.assign(event.headers().begin(), event.headers().end());
  if (event.has_time()) out.time = FromProto(event.time());
  if (event.has_deliver_at()) out.deliver_at = FromProto(event.deliver_at());
  out.search_keys.assign(event.search_keys().begin(), event.search_keys().end());
  return out;
}

SubscriptionSettings FromProto(const v1::SubscriptionSettings& settings) {
  SubscriptionSettings out;
  out.topics.assign(settings.topics().begin(), settings.topics().end());
  out.filter = FromProto(settings.filter());
  out.start = FromProto(settings.start());
  out.start_time = FromProto(settings.start_time());
  out.start_offset = Offset(settings.start_offset());
  out.max_in_flight = settings.max_in_flight();
  out.ack_deadline = FromProto(settings.ack_deadline());
  for (const auto& wait : settings.retry_schedule()) out.retry_schedule.push_back(FromProto(wait));
  out.max_attempts = settings.max_attempts();
  out.order =
      settings.ordering() == v1::ORDERING_KEY ? SubscriptionOrder::kKey : SubscriptionOrder::kNone;
  return out;
}

SubscriptionInfo FromProto(const v1::Subscription& subscription) {
  SubscriptionInfo out{.name = subscription.name(),
                       .settings = FromProto(subscription.settings()),
                       .created = FromProto(subscription.created()),
                       .floor = subscription.floor(),
                       .end = subscription.end(),
                       .in_flight = subscription.in_flight(),
                       .retrying = subscription.retrying(),
                       .dead_letters = subscription.dead_letters(),
                       .acked_total = subscription.acked_total()};
  for (const auto& m : subscription.members()) {
    out.members.push_back({m.client_id(), m.in_flight(), FromProto(m.joined())});
  }
  return out;
}

TopicInfo FromProto(const v1::Topic& topic) {
  const v1::TopicRuleSettings& settings = topic.settings();
  return {.name = topic.name(),
          .first = Offset(topic.first_offset()),
          .next = Offset(topic.next_offset()),
          .bytes = topic.bytes(),
          .created = FromProto(topic.created()),
          .durability = DurabilityName(settings.durability()),
          .retention_age = FromProto(settings.retention_age()),
          .retention_count = settings.retention_count(),
          .retention_bytes = settings.retention_bytes(),
          .max_event_bytes = settings.max_event_bytes(),
          .dedup_window = FromProto(settings.dedup_window())};
}

DeadLetterInfo FromProto(const v1::DeadLetter& letter) {
  DeadLetterInfo out{.id = letter.id(),
                     .subscription = letter.subscription(),
                     .offset = Offset(letter.offset()),
                     .event = FromProto(letter.event()),
                     .died = FromProto(letter.died()),
                     .reason = letter.reason(),
                     .resending = letter.resending()};
  for (const auto& attempt : letter.attempts()) {
    out.attempts.push_back({attempt.number(), FromProto(attempt.time()), attempt.reason()});
  }
  return out;
}

Receipt FromProto(const v1::Receipt& receipt) {
  Receipt out{.topic = receipt.topic(),
              .event_id = receipt.event_id(),
              .offset = Offset(receipt.offset()),
              .settled = receipt.settled()};
  for (const auto& s : receipt.subscriptions()) out.subscriptions.push_back(FromProto(s));
  for (const auto& c : receipt.connections()) out.connections.push_back(FromProto(c));
  return out;
}

ConnectionInfo FromProto(const v1::Connection& connection) {
  return {.connection = connection.connection(),
          .user = connection.user(),
          .transport = connection.transport(),
          .peer = connection.peer(),
          .since = FromProto(connection.since()),
          .suspended = connection.suspended()};
}

ServerStats FromProto(const v1::Stats& stats) {
  return {.version = stats.version(),
          .epoch = stats.epoch(),
          .disk_bytes = stats.disk_bytes(),
          .free_disk_bytes = stats.free_disk_bytes(),
          .topics = stats.topics(),
          .subscriptions = stats.subscriptions(),
          .feed_first = stats.feed_first(),
          .feed_next = stats.feed_next(),
          .started = FromProto(stats.started()),
          .details = {stats.details().begin(), stats.details().end()}};
}

PostDurability ToDurability(uint64_t proto_value) {
  switch (proto_value) {
    case v1::DURABILITY_DISK:
      return PostDurability::kDisk;
    case v1::DURABILITY_REPLICATED:
      return PostDurability::kReplicated;
    default:
      return PostDurability::kMemory;  // never claims more than was said
  }
}

}  // namespace postroad::client
