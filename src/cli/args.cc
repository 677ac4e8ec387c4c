#include "cli/args.h"

#include <CLI/CLI.hpp>
#include <charconv>

namespace postroad::cli {
namespace {

Timestamp Now() { return std::chrono::system_clock::now(); }

Status ParseRetry(const std::vector<std::string>& texts, std::vector<Duration>& schedule) {
  schedule.clear();
  for (const std::string& text : texts) {
    POSTROAD_ASSIGN(const Duration delay, DurationArg("--retry", text));
    schedule.push_back(delay);
  }
  return {};
}

Result<SubscriptionOrder> ParseOrder(const std::string& text) {
  return text == "key" ? SubscriptionOrder::kKey : SubscriptionOrder::kNone;
}

}  // namespace

Result<Duration> DurationArg(std::string_view option, std::string_view text) {
  auto duration = ParseDuration(text);
  if (!duration) return Invalid(std::string(option), duration.error().message);
  return *duration;
}

Result<Timestamp> TimeArg(std::string_view option, std::string_view text) {
  auto time = ParseTime(text, Now());
  if (!time) return Invalid(std::string(option), time.error().message);
  return *time;
}

Result<uint64_t> NumberArg(std::string_view option, std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Invalid(std::string(option), "'" + std::string(text) + "' is no whole number");
  }
  return number;
}

Result<std::pair<std::string, std::string>> PairArg(std::string_view option,
                                                    std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Invalid(std::string(option),
                   "'" + std::string(text) + "' is not of the form name=value");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<std::optional<Timestamp>> DueArg(const std::string& at, const std::string& in) {
  if (!at.empty() && !in.empty()) return Invalid("--at", "give either --at or --in, not both");
  if (!at.empty()) return TimeArg("--at", at);
  if (in.empty()) return std::nullopt;
  POSTROAD_ASSIGN(const Duration delay, DurationArg("--in", in));
  return Now() + delay;
}

void FilterArgs::AddTo(CLI::App& command) {
  command.add_option("--filter-type", types, "only these types; a final '*' means any ending")
      ->type_name("TYPE")
      ->allow_extra_args(false);
  command.add_option("--filter-key", keys, "only these keys")
      ->type_name("KEY")
      ->allow_extra_args(false);
  command.add_option("--filter-header", headers, "only events with this header")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

Result<EventFilter> FilterArgs::Parse() const {
  EventFilter filter{.types = types, .keys = keys};
  for (const std::string& header : headers) {
    POSTROAD_ASSIGN(auto pair, PairArg("--filter-header", header));
    filter.headers.insert(std::move(pair));
  }
  return filter;
}

Result<SubscriptionStartArg> ParseSubscriptionStart(std::string_view option,
                                                    std::string_view text) {
  constexpr std::string_view kOffset = "offset:";
  SubscriptionStartArg arg;
  if (text == "end") return arg;
  if (text == "beginning") {
    arg.start = SubscriptionStart::kBeginning;
  } else if (text.starts_with(kOffset)) {
    arg.start = SubscriptionStart::kOffset;
    POSTROAD_ASSIGN(const uint64_t offset, NumberArg(option, text.substr(kOffset.size())));
    arg.offset = Offset(offset);
  } else {
    auto time = ParseTime(text, Now());
    if (!time) {
      return Invalid(std::string(option), "'" + std::string(text) +
                                              "' is none of beginning, end, offset:N, a time "
                                              "(2026-01-31T08:00:00Z) or an age (-1h)");
    }
    arg.start = SubscriptionStart::kTime;
    arg.time = *time;
  }
  return arg;
}

void SettingsArgs::AddTo(CLI::App& command, bool with_start) {
  command.add_option("-t,--topic", topics, "topic or pattern; may be repeated")
      ->type_name("TOPIC")
      ->allow_extra_args(false);
  filter.AddTo(command);
  if (with_start) {
    command
        .add_option("--start", start, "beginning, end (default), offset:N, a time, or an age (-1h)")
        ->type_name("WHERE");
  }
  command.add_option("--ack-deadline", ack_deadline, "time to acknowledge in, 30s by default")
      ->type_name("DURATION");
  command
      .add_option(
          "--retry", retry,
          "delays after attempt 1, 2, …, comma-separated; 1m,5m,15m,1h,6h,24h,48h by default")
      ->delimiter(',')
      ->type_name("DURATIONS")
      ->allow_extra_args(false);
  command.add_option("--max-attempts", max_attempts, "then the event is a dead letter");
  command.add_option("--max-in-flight", max_in_flight, "delivered and unsettled, over all members");
  command.add_option("--order", order, "none (default), or key: one after another for each key")
      ->check(CLI::IsMember({"none", "key"}));
}

Status SettingsArgs::Apply(SubscriptionSettings& settings) const {
  if (!topics.empty()) settings.topics = topics;
  if (!filter.empty()) {
    POSTROAD_ASSIGN(settings.filter, filter.Parse());
  }
  if (!start.empty()) {
    POSTROAD_ASSIGN(const SubscriptionStartArg from, ParseSubscriptionStart("--start", start));
    settings.start = from.start;
    settings.start_time = from.time;
    settings.start_offset = from.offset;
  }
  if (!ack_deadline.empty()) {
    POSTROAD_ASSIGN(settings.ack_deadline, DurationArg("--ack-deadline", ack_deadline));
    // The library takes 0 for the default, or for what it was.
    if (settings.ack_deadline == Duration{}) return Invalid("--ack-deadline", "must not be 0");
  }
  if (!retry.empty()) POSTROAD_TRY(ParseRetry(retry, settings.retry_schedule));
  if (max_in_flight) settings.max_in_flight = *max_in_flight;
  if (max_attempts) settings.max_attempts = *max_attempts;
  if (!order.empty()) {
    POSTROAD_ASSIGN(settings.order, ParseOrder(order));
  }
  return {};
}

}  // namespace postroad::cli
