// See event_msg.h.
#include "gateway/killbill/event_msg.h"

#include <charconv>
#include <optional>

#include "core/utf8.h"

namespace postroad::killbill {
namespace {

constexpr std::string_view kClientIdHeader = "killbill-client-id";
constexpr std::string_view kFutureUserTokenHeader = "killbill-future-user-token";
constexpr std::string_view kSearchKey1 = "search_key1=";
constexpr std::string_view kSearchKey2 = "search_key2=";
constexpr int64_t kNanosPerSecond = 1'000'000'000;

Result<Timestamp> ToTime(const google::protobuf::Timestamp& t) {
  const bool valid = t.nanos() >= 0 && t.nanos() < kNanosPerSecond && t.seconds() >= 0 &&
                     t.seconds() < ToNanos(kLatestTime) / kNanosPerSecond;
  if (!valid) return Invalid("effective_date", "is not a time between 1970 and 2200", "BAD_TIME");
  return FromNanos(t.seconds() * kNanosPerSecond + t.nanos());
}

void SetTime(Timestamp t, google::protobuf::Timestamp& out) {
  out.set_seconds(ToNanos(t) / kNanosPerSecond);
  out.set_nanos(static_cast<int32_t>(ToNanos(t) % kNanosPerSecond));
}

// The number behind `prefix` among the event's search keys.
std::optional<int64_t> SearchKey(const EventView& event, std::string_view prefix) {
  for (std::string_view key : event.search_keys) {
    if (!key.starts_with(prefix)) continue;
    key.remove_prefix(prefix.size());
    int64_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error == std::errc() && end == key.data() + key.size()) return number;
  }
  return std::nullopt;
}

}  // namespace

std::string TopicOf(int64_t search_key2) { return "killbill/" + std::to_string(search_key2); }

std::string SubscriptionOf(int64_t search_key2) {
  return "killbill-" + std::to_string(search_key2);
}

Result<delivery::SubscriptionSettings> SettingsOf(int64_t search_key2) {
  delivery::SubscriptionSettings settings;
  POSTROAD_ASSIGN(settings.topics, TopicSelector::Parse({TopicOf(search_key2)}, "search_key2"));
  settings.start = delivery::Start::kBeginning;
  return settings;
}

Result<Event> ToEvent(const queue::EventMsg& message, Timestamp now) {
  Event event{.id = message.user_token(),
              .topic = TopicOf(message.search_key2()),
              .content_type = "application/json",
              .payload = message.event_json()};
  if (!message.client_id().empty())
    event.headers.emplace_back(kClientIdHeader, message.client_id());
  if (!message.future_user_token().empty()) {
    event.headers.emplace_back(kFutureUserTokenHeader, message.future_user_token());
  }
  if (message.has_effective_date()) {
    POSTROAD_ASSIGN(event.time, ToTime(message.effective_date()));
    if (*event.time > now) event.deliver_at = event.time;
  }
  event.search_keys = {std::string(kSearchKey1) + std::to_string(message.search_key1()),
                       std::string(kSearchKey2) + std::to_string(message.search_key2())};
  return event;
}

Error InWordsOfEventMsg(Error error) {
  const std::pair<std::string_view, const char*> kNames[] = {
      {".id", "user_token"},
      {".payload", "event_json"},
      {".topic", "search_key2"},
      {".deliver_at", "effective_date"},
      {".time", "effective_date"},
      {".headers[\"killbill-client-id\"]", "client_id"},
      {".headers[\"killbill-future-user-token\"]", "future_user_token"}};
  for (const auto& [end, name] : kNames) {
    if (error.field.ends_with(end)) {
      error.field = name;
      return error;
    }
  }
  // The event as a whole: it is too large, and event_json is what makes it so.
  if (error.field.starts_with("event")) error.field = "event_json";
  return error;
}

Result<queue::EventMsg> ToEventMsg(std::string_view record, int64_t search_key2) {
  EventView event;
  POSTROAD_TRY(ParseRecord(record, event));
  if (!IsValidUtf8(event.payload)) {
    return Invalid("event_json", "the payload is not UTF-8, which EventMsg.event_json has to be");
  }
  queue::EventMsg message;
  message.set_user_token(std::string(event.id));
  message.set_event_json(std::string(event.payload));
  message.set_client_id(std::string(event.Header(kClientIdHeader).value_or("")));
  message.set_future_user_token(std::string(event.Header(kFutureUserTokenHeader).value_or("")));
  if (event.time) SetTime(*event.time, *message.mutable_effective_date());
  message.set_search_key1(SearchKey(event, kSearchKey1).value_or(0));
  message.set_search_key2(SearchKey(event, kSearchKey2).value_or(search_key2));
  return message;
}

}  // namespace postroad::killbill
