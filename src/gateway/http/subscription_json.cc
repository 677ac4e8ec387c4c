// See subscription_json.h.
#include "gateway/http/subscription_json.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "core/base64.h"
#include "gateway/values/json_fields.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

using delivery::SettleKind;
using delivery::Settlement;
using delivery::Start;

const char* StartName(Start start) {
  switch (start) {
    case Start::kEnd:
      return "end";
    case Start::kBeginning:
      return "beginning";
    case Start::kTime:
      return "time";
    case Start::kOffset:
      return "offset";
  }
  return "end";
}

Result<Start> ReadStart(const std::string& name, std::string path) {
  for (const Start start : {Start::kEnd, Start::kBeginning, Start::kTime, Start::kOffset}) {
    if (name == StartName(start)) return start;
  }
  return Invalid(std::move(path), "must be end, beginning, time or offset");
}

Result<EventFilter> ReadFilter(const json::value& value, const std::string& field) {
  POSTROAD_ASSIGN(const auto fields, JsonFields::Of(value, field, {"types", "keys", "headers"}));
  EventFilter filter;
  POSTROAD_ASSIGN(filter.types, fields.Texts("types"));
  POSTROAD_ASSIGN(filter.keys, fields.Texts("keys"));
  const json::value* headers = fields.Find("headers");
  if (headers == nullptr) return filter;
  const auto* object = headers->if_object();
  if (object == nullptr) return Invalid(fields.Path("headers"), "must be an object of strings");
  for (const auto& member : *object) {
    const std::string name(member.key().data(), member.key().size());
    const auto* text = member.value().if_string();
    if (text == nullptr) return Invalid(fields.Path("headers." + name), "must be a string");
    filter.headers.emplace(name, std::string(text->data(), text->size()));
  }
  return filter;
}

Status TakeStart(const JsonFields& fields, Timestamp now,
                 delivery::SubscriptionSettings& settings) {
  POSTROAD_ASSIGN(const auto start, fields.Text("start"));
  if (start) {
    POSTROAD_ASSIGN(settings.start, ReadStart(*start, fields.Path("start")));
  }
  POSTROAD_ASSIGN(const auto time, fields.Date("start_time", now));
  if (time) settings.start_time = *time;
  if (!time && start && settings.start == Start::kTime) {
    return Invalid(fields.Path("start_time"), "is needed to start at a time");
  }
  POSTROAD_ASSIGN(const auto offset, fields.Number("start_offset"));
  if (offset) settings.start_offset = Offset(*offset);
  return {};
}

Status TakeRetries(const JsonFields& fields, delivery::SubscriptionSettings& settings) {
  POSTROAD_ASSIGN(const auto pauses, fields.Texts("retry_schedule"));
  if (fields.Find("retry_schedule") != nullptr) settings.retry_schedule.clear();
  for (const std::string& pause : pauses) {
    const auto duration = ParseDuration(pause);
    const std::string index = "[" + std::to_string(settings.retry_schedule.size()) + "]";
    if (!duration) return Invalid(fields.Path("retry_schedule") + index, duration.error().message);
    settings.retry_schedule.push_back(*duration);
  }
  POSTROAD_ASSIGN(const auto attempts, fields.Number("max_attempts", UINT32_MAX));
  if (attempts) settings.max_attempts = static_cast<uint32_t>(*attempts);
  return {};
}

Status TakeOrdering(const JsonFields& fields, delivery::SubscriptionSettings& settings) {
  POSTROAD_ASSIGN(const auto ordering, fields.Text("ordering"));
  if (!ordering) return {};
  if (*ordering != "none" && *ordering != "key") {
    return Invalid(fields.Path("ordering"), "must be none or key");
  }
  settings.ordering = *ordering == "key" ? delivery::Ordering::kKey : delivery::Ordering::kNone;
  return {};
}

json::object FilterJson(const EventFilter& filter) {
  json::object object;
  if (!filter.types.empty())
    object["types"] = json::array(filter.types.begin(), filter.types.end());
  if (!filter.keys.empty()) object["keys"] = json::array(filter.keys.begin(), filter.keys.end());
  if (!filter.headers.empty()) {
    json::object headers;
    for (const auto& [name, value] : filter.headers) headers[name] = value;
    object["headers"] = std::move(headers);
  }
  return object;
}

json::object SettingsJson(const delivery::SubscriptionSettings& settings) {
  json::object object;
  const auto topics = settings.topics.Texts();
  object["topics"] = json::array(topics.begin(), topics.end());
  if (!settings.filter.Empty()) object["filter"] = FilterJson(settings.filter);
  object["start"] = StartName(settings.start);
  if (settings.start == Start::kTime) object["start_time"] = FormatTime(settings.start_time);
  if (settings.start == Start::kOffset) object["start_offset"] = settings.start_offset.value();
  object["max_in_flight"] = settings.max_in_flight;
  object["ack_deadline"] = FormatDuration(settings.ack_deadline);
  json::array schedule;
  for (const Duration pause : settings.retry_schedule) schedule.emplace_back(FormatDuration(pause));
  object["retry_schedule"] = std::move(schedule);
  object["max_attempts"] = settings.max_attempts;
  object["ordering"] = settings.ordering == delivery::Ordering::kKey ? "key" : "none";
  return object;
}

// The members of a settlement, by kind.
Status TakeMembers(const JsonFields& fields, Settlement& settlement) {
  POSTROAD_ASSIGN(const auto id, fields.Id("delivery_id"));
  if (!id) return Invalid(fields.Path("delivery_id"), "is needed");
  settlement.id = delivery::DeliveryId(*id);
  POSTROAD_ASSIGN(const auto reason, fields.Text("reason"));
  settlement.reason = reason.value_or("");
  if (settlement.kind == SettleKind::kNack) {
    POSTROAD_ASSIGN(settlement.delay, fields.Time("delay"));
  } else if (settlement.kind == SettleKind::kExtend) {
    POSTROAD_ASSIGN(settlement.delay, fields.Time("by"));
    if (!settlement.delay) return Invalid(fields.Path("by"), "is needed");
  } else if (settlement.kind == SettleKind::kAck) {
    const json::value* payload = fields.Find("payload");
    const auto* text = payload != nullptr ? payload->if_string() : nullptr;
    if (text != nullptr) settlement.reply.assign(text->data(), text->size());
    if (payload != nullptr && text == nullptr) settlement.reply = json::serialize(*payload);
    POSTROAD_ASSIGN(const auto base64, fields.Text("payload_base64"));
    if (base64 && !FromBase64(*base64, settlement.reply)) {
      return Invalid(fields.Path("payload_base64"), "is not base64");
    }
  }
  return {};
}

Status TakeSettlements(const JsonFields& body, std::string_view list, SettleKind kind,
                       std::initializer_list<std::string_view> known,
                       std::vector<Settlement>& settlements) {
  POSTROAD_ASSIGN(const auto items, body.List(list));
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string path = body.Path(list) + "[" + std::to_string(i) + "]";
    POSTROAD_ASSIGN(const auto fields, JsonFields::Of(*items[i], path, known));
    Settlement settlement{.kind = kind};
    POSTROAD_TRY(TakeMembers(fields, settlement));
    POSTROAD_TRY(delivery::CheckSettlement(settlement, path));
    settlements.push_back(std::move(settlement));
  }
  return {};
}

}  // namespace

Result<delivery::SubscriptionSettings> ReadSettings(const json::value& value, Timestamp now,
                                                    const delivery::SubscriptionSettings* base) {
  POSTROAD_ASSIGN(
      const auto fields,
      JsonFields::Of(value, "",
                     {"topics", "filter", "start", "start_time", "start_offset", "max_in_flight",
                      "ack_deadline", "retry_schedule", "max_attempts", "ordering"}));
  delivery::SubscriptionSettings settings;
  if (base != nullptr) settings = *base;
  if (base == nullptr || fields.Find("topics") != nullptr) {
    POSTROAD_ASSIGN(const auto topics, fields.Texts("topics"));
    POSTROAD_ASSIGN(settings.topics, TopicSelector::Parse(topics, "topics"));
  }
  if (const json::value* filter = fields.Find("filter")) {
    POSTROAD_ASSIGN(settings.filter, ReadFilter(*filter, fields.Path("filter")));
  }
  POSTROAD_TRY(TakeStart(fields, now, settings));
  POSTROAD_ASSIGN(const auto in_flight, fields.Number("max_in_flight", UINT32_MAX));
  if (in_flight) settings.max_in_flight = static_cast<uint32_t>(*in_flight);
  POSTROAD_ASSIGN(const auto deadline, fields.Time("ack_deadline"));
  if (deadline) settings.ack_deadline = *deadline;
  POSTROAD_TRY(TakeRetries(fields, settings));
  POSTROAD_TRY(TakeOrdering(fields, settings));
  return settings;
}

json::object SubscriptionJson(const delivery::SubscriptionInfo& info) {
  json::object object;
  object["name"] = info.name;
  object["settings"] = SettingsJson(info.settings);
  object["created"] = FormatTime(info.created);
  object["floor"] = info.floor;
  object["end"] = info.end;
  object["in_flight"] = info.in_flight;
  object["retrying"] = info.retrying;
  object["dead_letters"] = info.dead_letters;
  object["acked_total"] = info.acked_total;
  json::array members;
  for (const auto& member : info.members) {
    json::object one;
    if (!member.client_id.empty()) one["client_id"] = member.client_id;
    one["in_flight"] = member.in_flight;
    one["joined"] = FormatTime(member.joined);
    members.push_back(std::move(one));
  }
  object["members"] = std::move(members);
  return object;
}

Result<SeekTarget> ReadSeek(const json::value& value, Timestamp now) {
  POSTROAD_ASSIGN(const auto fields, JsonFields::Of(value, "", {"start", "time", "offset"}));
  SeekTarget target;
  POSTROAD_ASSIGN(const auto start, fields.Text("start"));
  if (!start) return Invalid("start", "is needed: end, beginning, time or offset");
  POSTROAD_ASSIGN(target.start, ReadStart(*start, "start"));
  POSTROAD_ASSIGN(const auto time, fields.Date("time", now));
  if (target.start == Start::kTime && !time) return Invalid("time", "is needed to seek to a time");
  target.time = time.value_or(Timestamp{});
  POSTROAD_ASSIGN(const auto offset, fields.Number("offset"));
  if (target.start == Start::kOffset && !offset) {
    return Invalid("offset", "is needed to seek to an offset");
  }
  target.offset = Offset(offset.value_or(0));
  return target;
}

Result<std::vector<Settlement>> ReadSettlements(const json::value& value) {
  POSTROAD_ASSIGN(const auto body, JsonFields::Of(value, "",
                                                  {"acks", "ack_up_to", "nacks", "extends",
                                                   "terminates", "replies"}));
  std::vector<Settlement> settlements;
  POSTROAD_ASSIGN(const auto acks, body.List("acks"));
  for (const json::value* ack : acks) {
    const std::string index = "[" + std::to_string(settlements.size()) + "]";
    POSTROAD_ASSIGN(const uint64_t id, ReadId(*ack, "acks" + index));
    settlements.push_back({.kind = SettleKind::kAck, .id = delivery::DeliveryId(id)});
  }
  POSTROAD_TRY(TakeSettlements(body, "replies", SettleKind::kAck,
                               {"delivery_id", "payload", "payload_base64"}, settlements));
  POSTROAD_TRY(TakeSettlements(body, "nacks", SettleKind::kNack, {"delivery_id", "delay", "reason"},
                               settlements));
  POSTROAD_TRY(
      TakeSettlements(body, "extends", SettleKind::kExtend, {"delivery_id", "by"}, settlements));
  POSTROAD_TRY(TakeSettlements(body, "terminates", SettleKind::kTerminate,
                               {"delivery_id", "reason"}, settlements));
  POSTROAD_ASSIGN(const auto up_to, body.Id("ack_up_to"));
  if (up_to) {
    settlements.push_back({.kind = SettleKind::kAckUpTo, .id = delivery::DeliveryId(*up_to)});
  }
  if (settlements.empty()) {
    return Invalid("acks", "is needed, or one of ack_up_to, nacks, extends, terminates, replies");
  }
  return settlements;
}

json::object DeliveryJson(const delivery::Delivery& delivery) {
  json::object object;
  // As text: dead letters that are sent again have ids beyond what JavaScript's numbers hold.
  object["delivery_id"] = std::to_string(delivery.id.value());
  object["attempt"] = delivery.attempt;
  object["topic"] = *delivery.topic;
  object["offset"] = delivery.offset.value();
  object["stored_at"] = FormatTime(delivery.stored_at);
  return object;
}

}  // namespace postroad::gateway
