// See values_json.h.
#include "gateway/values/values_json.h"

#include <boost/json/array.hpp>

#include "core/time.h"
#include "gateway/json/event_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

const char* StateName(delivery::ReceiptState state) {
  switch (state) {
    case delivery::ReceiptState::kStored:
      return "stored";
    case delivery::ReceiptState::kSent:
      return "sent";
    case delivery::ReceiptState::kRetrying:
      return "retrying";
    case delivery::ReceiptState::kAcked:
      return "acked";
    case delivery::ReceiptState::kDead:
      return "dead";
    case delivery::ReceiptState::kFiltered:
      return "filtered";
  }
  return "stored";
}

// A stored event, by itself.
Result<json::object> EventOf(std::string_view record, const std::string& topic) {
  EventView event;
  if (!ParseRecord(record, event)) {
    return Fail(ErrorCode::kDataLoss, "a stored event is malformed");
  }
  json::object object;
  object["topic"] = topic;
  AddEvent(object, event);
  return object;
}

}  // namespace

const char* DurabilityName(journal::Durability durability) {
  return durability == journal::Durability::kDisk ? "disk" : "memory";
}

json::object ReceiptJson(const delivery::Receipt& receipt) {
  json::object object;
  object["topic"] = receipt.topic;
  if (!receipt.event_id.empty()) object["event_id"] = receipt.event_id;
  object["offset"] = receipt.offset.value();
  object["settled"] = receipt.Settled();
  json::array subscriptions;
  for (const auto& one : receipt.subscriptions) {
    json::object subscription;
    subscription["subscription"] = one.subscription;
    subscription["state"] = StateName(one.state);
    subscription["attempts"] = one.attempts;
    if (one.settled_at) subscription["settled_at"] = FormatTime(*one.settled_at);
    if (!one.reason.empty()) subscription["reason"] = one.reason;
    if (!one.reply.empty()) AddBytes(subscription, "reply", one.reply);
    subscriptions.push_back(std::move(subscription));
  }
  object["subscriptions"] = std::move(subscriptions);
  return object;
}

json::object TopicJson(const broker::TopicView& topic) {
  json::object settings;
  settings["durability"] = DurabilityName(topic.settings.durability);
  settings["retention_age"] = FormatDuration(topic.settings.retention_age);
  settings["retention_count"] = topic.settings.retention_count;
  settings["retention_bytes"] = topic.settings.retention_bytes;
  settings["max_event_bytes"] = topic.settings.max_event_bytes;
  settings["dedup_window"] = FormatDuration(topic.settings.dedup_window);
  json::object object;
  object["name"] = topic.info.name;
  object["first_offset"] = topic.info.first.value();
  object["next_offset"] = topic.info.next.value();
  object["bytes"] = topic.info.bytes;
  object["created"] = FormatTime(topic.info.created);
  object["settings"] = std::move(settings);
  return object;
}

Result<json::object> ScheduledJson(const journal::Scheduled& scheduled) {
  POSTROAD_ASSIGN(json::object object, EventOf(scheduled.record, scheduled.topic));
  object["deliver_at"] = FormatTime(scheduled.due);
  return object;
}

Result<json::object> DeadLetterJson(const delivery::DeadLetter& letter) {
  json::object object;
  object["id"] = std::to_string(letter.id);
  object["subscription"] = letter.subscription;
  object["offset"] = letter.offset.value();
  POSTROAD_ASSIGN(object["event"], EventOf(letter.record, letter.topic));
  object["died"] = FormatTime(letter.died);
  object["reason"] = letter.reason;
  json::array attempts;
  for (const auto& attempt : letter.attempts) {
    attempts.push_back(json::object{{"number", attempt.number},
                                    {"time", FormatTime(attempt.time)},
                                    {"reason", attempt.reason}});
  }
  object["attempts"] = std::move(attempts);
  object["resending"] = letter.resending;
  return object;
}

json::object StatsJson(const broker::BrokerStats& stats, const std::string& version) {
  json::object details;
  for (const auto& [name, value] : stats.store.details) details[name] = value;
  json::object object;
  object["version"] = version;
  object["epoch"] = EpochText(stats.epoch);
  object["disk_bytes"] = stats.store.disk_bytes;
  object["free_disk_bytes"] = stats.store.free_disk_bytes;
  object["topics"] = stats.store.topics;
  object["subscriptions"] = stats.subscriptions;
  object["feed_first"] = stats.store.feed.first.value();
  object["feed_next"] = stats.store.feed.next.value();
  object["started"] = FormatTime(stats.started);
  object["details"] = std::move(details);
  return object;
}

}  // namespace postroad::gateway
