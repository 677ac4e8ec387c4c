// What a subscription can be set to.
#include <algorithm>

#include "delivery/delivery.h"
#include "delivery/limits.h"

namespace postroad::delivery {

std::vector<Duration> DefaultRetrySchedule() {
  using std::chrono::hours;
  using std::chrono::minutes;
  return {minutes(1), minutes(5), minutes(15), hours(1), hours(6), hours(24), hours(48)};
}

bool SubscriptionSettings::operator==(const SubscriptionSettings& other) const {
  return topics.Texts() == other.topics.Texts() && filter == other.filter && start == other.start &&
         start_time == other.start_time && start_offset == other.start_offset &&
         max_in_flight == other.max_in_flight && ack_deadline == other.ack_deadline &&
         retry_schedule == other.retry_schedule && max_attempts == other.max_attempts &&
         ordering == other.ordering;
}

Status CheckSettlement(Settlement& settlement, std::string_view field) {
  const auto within = [&](std::string_view name, Duration least, Duration most,
                          const char* range) -> Status {
    if (!settlement.delay || (*settlement.delay >= least && *settlement.delay <= most)) return {};
    return Invalid(std::string(field).append(".").append(name), range);
  };
  if (settlement.kind == SettleKind::kNack) {
    POSTROAD_TRY(within("delay", Duration(0), kLongestDelay, "must be 0 to 365 days"));
  }
  if (settlement.kind == SettleKind::kExtend) {
    POSTROAD_TRY(within("by", kShortestDeadline, kLongestDeadline, "must be 100 ms to 24 h"));
  }
  if (settlement.reply.size() > kMaxReplyBytes) {
    return Invalid(std::string(field) + ".payload", "must be at most 64 KiB");
  }
  // Whole UTF-8 characters.
  size_t end = std::min(settlement.reason.size(), kMaxReasonBytes);
  const auto continues = [&](size_t at) {
    return at < settlement.reason.size() &&
           (static_cast<unsigned char>(settlement.reason[at]) & 0xc0) == 0x80;
  };
  while (end > 0 && continues(end)) --end;
  settlement.reason.resize(end);
  return {};
}

Status CheckSettings(const SubscriptionSettings& settings, std::string_view field) {
  const std::string at = field.empty() ? "" : std::string(field) + ".";
  if (settings.topics.patterns().empty()) return Invalid(at + "topics", "at least one is needed");
  POSTROAD_TRY(CheckFilter(settings.filter, at + "filter"));
  if (settings.start == Start::kOffset && settings.topics.SingleTopic().empty()) {
    return Invalid(at + "start", "an offset to start at needs a single topic without '*'");
  }
  if (settings.start_time < kEarliestTime || settings.start_time > kLatestTime) {
    return Invalid(at + "start_time", "must lie between 1970 and 2200");
  }
  if (settings.max_in_flight < 1 || settings.max_in_flight > kMaxInFlight) {
    return Invalid(at + "max_in_flight", "must be 1 to 1000000");
  }
  if (settings.ack_deadline < kShortestDeadline || settings.ack_deadline > kLongestDeadline) {
    return Invalid(at + "ack_deadline", "must be 100ms to 24h");
  }
  if (settings.retry_schedule.empty() || settings.retry_schedule.size() > kMaxScheduleEntries) {
    return Invalid(at + "retry_schedule", "must have 1 to 100 entries");
  }
  for (size_t i = 0; i < settings.retry_schedule.size(); ++i) {
    const Duration delay = settings.retry_schedule[i];
    if (delay >= Duration::zero() && delay <= kLongestDelay) continue;
    return Invalid(at + "retry_schedule[" + std::to_string(i) + "]", "must be 0 to 365d");
  }
  if (settings.max_attempts > kMaxAttempts) {
    return Invalid(at + "max_attempts", "must be at most 10000");
  }
  return {};
}

}  // namespace postroad::delivery
