// Arguments that several commands share, from text to values. Errors name the option at fault.
#ifndef POSTROAD_CLI_ARGS_H_
#define POSTROAD_CLI_ARGS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/filter.h"
#include "core/time.h"
#include "postroad/model.h"

namespace CLI {
class App;
}

namespace postroad::cli {

Result<Duration> DurationArg(std::string_view option, std::string_view text);
Result<Timestamp> TimeArg(std::string_view option, std::string_view text);
Result<uint64_t> NumberArg(std::string_view option, std::string_view text);
// "name=value".
Result<std::pair<std::string, std::string>> PairArg(std::string_view option, std::string_view text);
// --at TIME or --in DURATION, at most one of them; nothing if both are empty.
Result<std::optional<Timestamp>> DueArg(const std::string& at, const std::string& in);

// --filter-type, --filter-key, --filter-header.
struct FilterArgs {
  std::vector<std::string> types, keys, headers;

  void AddTo(CLI::App& command);
  bool empty() const { return types.empty() && keys.empty() && headers.empty(); }
  Result<EventFilter> Parse() const;
};

// "beginning", "end", "offset:N" or a time ("-1h", RFC 3339), where a subscription begins.
struct SubscriptionStartArg {
  SubscriptionStart start = SubscriptionStart::kEnd;
  Timestamp time{};
  Offset offset;
};
Result<SubscriptionStartArg> ParseSubscriptionStart(std::string_view option, std::string_view text);

// The settings of a subscription.
struct SettingsArgs {
  std::vector<std::string> topics;
  FilterArgs filter;
  std::string start;
  std::string ack_deadline;
  std::vector<std::string> retry;
  std::optional<uint32_t> max_in_flight, max_attempts;
  std::string order;

  void AddTo(CLI::App& command, bool with_start);
  // Sets what was given, and leaves the rest.
  Status Apply(SubscriptionSettings& settings) const;
};

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_ARGS_H_
