// Subscriptions, receipts, topics, dead letters, statistics.
#include "gateway/grpc/convert.h"

namespace postroad::gateway {

namespace {

std::string Sub(std::string_view field, std::string_view name) {
  return std::string(field).append(".").append(name);
}

Status TakeRetrySchedule(const v1::SubscriptionSettings& proto, std::string_view field,
                         delivery::SubscriptionSettings& settings) {
  if (proto.retry_schedule().empty()) return {};
  settings.retry_schedule.clear();
  for (int i = 0; i < proto.retry_schedule_size(); ++i) {
    const std::string name = Sub(field, "retry_schedule[" + std::to_string(i) + "]");
    POSTROAD_ASSIGN(const Duration pause, FromProto(proto.retry_schedule(i), name));
    settings.retry_schedule.push_back(pause);
  }
  return {};
}

v1::ReceiptState ToProto(delivery::ReceiptState state) {
  switch (state) {
    case delivery::ReceiptState::kStored:
      return v1::RECEIPT_STATE_STORED;
    case delivery::ReceiptState::kSent:
      return v1::RECEIPT_STATE_SENT;
    case delivery::ReceiptState::kRetrying:
      return v1::RECEIPT_STATE_RETRYING;
    case delivery::ReceiptState::kAcked:
      return v1::RECEIPT_STATE_ACKED;
    case delivery::ReceiptState::kDead:
      return v1::RECEIPT_STATE_DEAD;
    case delivery::ReceiptState::kFiltered:
      return v1::RECEIPT_STATE_FILTERED;
  }
  return v1::RECEIPT_STATE_UNSPECIFIED;
}

v1::StartPosition ToProto(delivery::Start start) {
  switch (start) {
    case delivery::Start::kEnd:
      return v1::START_POSITION_END;
    case delivery::Start::kBeginning:
      return v1::START_POSITION_BEGINNING;
    case delivery::Start::kTime:
      return v1::START_POSITION_TIME;
    case delivery::Start::kOffset:
      return v1::START_POSITION_OFFSET;
  }
  return v1::START_POSITION_END;
}

}  // namespace

Result<delivery::Start> FromProto(v1::StartPosition start, std::string_view field) {
  switch (start) {
    case v1::START_POSITION_END:
      return delivery::Start::kEnd;
    case v1::START_POSITION_BEGINNING:
      return delivery::Start::kBeginning;
    case v1::START_POSITION_TIME:
      return delivery::Start::kTime;
    case v1::START_POSITION_OFFSET:
      return delivery::Start::kOffset;
    default:
      return Invalid(std::string(field), "no start position of this number is known");
  }
}

Result<delivery::SubscriptionSettings> FromProto(const v1::SubscriptionSettings& proto,
                                                 std::string_view field) {
  const std::vector<std::string> topics(proto.topics().begin(), proto.topics().end());
  POSTROAD_ASSIGN(TopicSelector selector, TopicSelector::Parse(topics, Sub(field, "topics")));
  delivery::SubscriptionSettings settings{.topics = std::move(selector),
                                          .filter = FromProto(proto.filter())};
  POSTROAD_ASSIGN(settings.start, FromProto(proto.start(), Sub(field, "start")));
  if (proto.has_start_time()) {
    POSTROAD_ASSIGN(settings.start_time, FromProto(proto.start_time(), Sub(field, "start_time")));
  } else if (settings.start == delivery::Start::kTime) {
    return Invalid(Sub(field, "start_time"), "is needed to start at a time");
  }
  settings.start_offset = Offset(proto.start_offset());
  if (proto.max_in_flight() != 0) settings.max_in_flight = proto.max_in_flight();
  if (proto.has_ack_deadline()) {
    POSTROAD_ASSIGN(settings.ack_deadline,
                    FromProto(proto.ack_deadline(), Sub(field, "ack_deadline")));
  }
  POSTROAD_TRY(TakeRetrySchedule(proto, field, settings));
  settings.max_attempts = proto.max_attempts();
  if (!v1::Ordering_IsValid(proto.ordering())) {
    return Invalid(Sub(field, "ordering"), "no ordering of this number is known");
  }
  settings.ordering =
      proto.ordering() == v1::ORDERING_KEY ? delivery::Ordering::kKey : delivery::Ordering::kNone;
  return settings;
}

v1::SubscriptionSettings ToProto(const delivery::SubscriptionSettings& settings) {
  v1::SubscriptionSettings proto;
  for (std::string& text : settings.topics.Texts()) proto.add_topics(std::move(text));
  if (!settings.filter.Empty()) {
    v1::Filter& filter = *proto.mutable_filter();
    for (const std::string& type : settings.filter.types) filter.add_types(type);
    for (const std::string& key : settings.filter.keys) filter.add_keys(key);
    filter.mutable_headers()->insert(settings.filter.headers.begin(),
                                     settings.filter.headers.end());
  }
  proto.set_start(ToProto(settings.start));
  if (settings.start == delivery::Start::kTime) {
    *proto.mutable_start_time() = ToProto(settings.start_time);
  }
  proto.set_start_offset(settings.start_offset.value());
  proto.set_max_in_flight(settings.max_in_flight);
  *proto.mutable_ack_deadline() = ToProto(settings.ack_deadline);
  for (const Duration pause : settings.retry_schedule) {
    *proto.add_retry_schedule() = ToProto(pause);
  }
  proto.set_max_attempts(settings.max_attempts);
  proto.set_ordering(settings.ordering == delivery::Ordering::kKey ? v1::ORDERING_KEY
                                                                   : v1::ORDERING_NONE);
  return proto;
}

v1::Subscription ToProto(const delivery::SubscriptionInfo& info) {
  v1::Subscription proto;
  proto.set_name(info.name);
  *proto.mutable_settings() = ToProto(info.settings);
  *proto.mutable_created() = ToProto(info.created);
  proto.set_floor(info.floor);
  proto.set_end(info.end);
  proto.set_in_flight(info.in_flight);
  proto.set_retrying(info.retrying);
  proto.set_dead_letters(info.dead_letters);
  proto.set_acked_total(info.acked_total);
  for (const auto& member : info.members) {
    v1::Member& out = *proto.add_members();
    out.set_client_id(member.client_id);
    out.set_in_flight(member.in_flight);
    *out.mutable_joined() = ToProto(member.joined);
  }
  return proto;
}

v1::ConnectionState ToProto(broker::ConnectionState state) {
  switch (state) {
    case broker::ConnectionState::kPending:
      return v1::CONNECTION_STATE_PENDING;
    case broker::ConnectionState::kDelivered:
      return v1::CONNECTION_STATE_DELIVERED;
    case broker::ConnectionState::kAcked:
      return v1::CONNECTION_STATE_ACKED;
    case broker::ConnectionState::kReplied:
      return v1::CONNECTION_STATE_REPLIED;
    case broker::ConnectionState::kFailed:
      return v1::CONNECTION_STATE_FAILED;
    case broker::ConnectionState::kGone:
      return v1::CONNECTION_STATE_GONE;
  }
  return v1::CONNECTION_STATE_UNSPECIFIED;
}

v1::Receipt ToProto(const broker::EventReceipt& receipt) {
  v1::Receipt proto;
  proto.set_topic(receipt.topic);
  proto.set_event_id(receipt.event_id);
  proto.set_offset(receipt.offset.value());
  for (const auto& subscription : receipt.subscriptions) {
    v1::SubscriptionReceipt& out = *proto.add_subscriptions();
    out.set_subscription(subscription.subscription);
    out.set_state(ToProto(subscription.state));
    out.set_attempts(subscription.attempts);
    if (subscription.settled_at) *out.mutable_settled_at() = ToProto(*subscription.settled_at);
    out.set_reason(subscription.reason);
    out.set_reply(subscription.reply);
  }
  proto.set_settled(receipt.Settled());
  for (const auto& connection : receipt.connections) {
    v1::ConnectionReceipt& out = *proto.add_connections();
    out.set_connection(broker::IdText(connection.connection.value()));
    out.set_user(connection.user);
    out.set_state(ToProto(connection.state));
    if (connection.at) *out.mutable_at() = ToProto(*connection.at);
    out.set_reason(connection.reason);
    out.set_reply(connection.reply);
  }
  return proto;
}

v1::Connection ToProto(const broker::ConnectionInfo& connection) {
  v1::Connection proto;
  proto.set_connection(broker::IdText(connection.id.value()));
  proto.set_user(connection.user);
  proto.set_transport(connection.transport);
  proto.set_peer(connection.peer);
  *proto.mutable_since() = ToProto(connection.since);
  proto.set_suspended(connection.suspended);
  return proto;
}

v1::Durability ToProto(journal::Durability durability) {
  return durability == journal::Durability::kDisk ? v1::DURABILITY_DISK : v1::DURABILITY_MEMORY;
}

v1::Topic ToProto(const broker::TopicView& topic) {
  v1::Topic proto;
  proto.set_name(topic.info.name);
  proto.set_first_offset(topic.info.first.value());
  proto.set_next_offset(topic.info.next.value());
  proto.set_bytes(topic.info.bytes);
  *proto.mutable_created() = ToProto(topic.info.created);
  v1::TopicRuleSettings& settings = *proto.mutable_settings();
  settings.set_durability(ToProto(topic.settings.durability));
  if (topic.settings.retention_age > Duration(0)) {
    *settings.mutable_retention_age() = ToProto(topic.settings.retention_age);
  }
  settings.set_retention_count(topic.settings.retention_count);
  settings.set_retention_bytes(topic.settings.retention_bytes);
  settings.set_max_event_bytes(topic.settings.max_event_bytes);
  *settings.mutable_dedup_window() = ToProto(topic.settings.dedup_window);
  return proto;
}

Result<v1::ScheduledEvent> ToProto(const journal::Scheduled& scheduled) {
  v1::ScheduledEvent proto;
  POSTROAD_ASSIGN(*proto.mutable_event(), RecordToProto(scheduled.record, scheduled.topic));
  *proto.mutable_event()->mutable_deliver_at() = ToProto(scheduled.due);
  return proto;
}

Result<v1::DeadLetter> ToProto(const delivery::DeadLetter& letter) {
  v1::DeadLetter proto;
  proto.set_id(letter.id);
  proto.set_subscription(letter.subscription);
  proto.set_offset(letter.offset.value());
  POSTROAD_ASSIGN(*proto.mutable_event(), RecordToProto(letter.record, letter.topic));
  *proto.mutable_died() = ToProto(letter.died);
  proto.set_reason(letter.reason);
  for (const auto& attempt : letter.attempts) {
    v1::Attempt& out = *proto.add_attempts();
    out.set_number(attempt.number);
    *out.mutable_time() = ToProto(attempt.time);
    out.set_reason(attempt.reason);
  }
  proto.set_resending(letter.resending);
  return proto;
}

v1::Stats ToProto(const broker::BrokerStats& stats) {
  v1::Stats proto;
  proto.set_epoch(EpochText(stats.epoch));
  proto.set_disk_bytes(stats.store.disk_bytes);
  proto.set_free_disk_bytes(stats.store.free_disk_bytes);
  proto.set_topics(stats.store.topics);
  proto.set_subscriptions(stats.subscriptions);
  proto.set_feed_first(stats.store.feed.first.value());
  proto.set_feed_next(stats.store.feed.next.value());
  *proto.mutable_started() = ToProto(stats.started);
  for (const auto& [name, value] : stats.store.details) (*proto.mutable_details())[name] = value;
  return proto;
}

}  // namespace postroad::gateway
