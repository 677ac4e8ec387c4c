// Times and durations as text.
#include "core/time.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace postroad {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanos;
};
constexpr int64_t kSecond = 1'000'000'000;
// Largest first: the order in which FormatDuration writes them.
constexpr std::array<Unit, 7> kUnits = {{{"d", 86'400 * kSecond},
                                         {"h", 3'600 * kSecond},
                                         {"m", 60 * kSecond},
                                         {"s", kSecond},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};
constexpr int64_t kLongestDuration = int64_t{36'525} * 86'400 * kSecond;  // 100 years

// In decimal, with zeros before it up to `digits`, which are enough.
void AppendDigits(std::string& out, unsigned value, int digits) {
  const size_t begin = out.size();
  out.append(static_cast<size_t>(digits), '0');
  for (size_t at = out.size(); value > 0 && at > begin; value /= 10) {
    out[--at] = static_cast<char>('0' + value % 10);
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes exactly `digits` digits from the front of `in`.
std::optional<int> TakeNumber(std::string_view& in, size_t digits) {
  if (in.size() < digits) return std::nullopt;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (!IsDigit(in[i])) return std::nullopt;
    value = value * 10 + (in[i] - '0');
  }
  in.remove_prefix(digits);
  return value;
}

bool TakeOneOf(std::string_view& in, std::string_view accepted) {
  if (in.empty() || accepted.find(in.front()) == std::string_view::npos) return false;
  in.remove_prefix(1);
  return true;
}

// Takes "2026-01-31" as days since 1970.
std::optional<int64_t> TakeDate(std::string_view& in) {
  const auto year = TakeNumber(in, 4);
  if (!year || !TakeOneOf(in, "-")) return std::nullopt;
  const auto month = TakeNumber(in, 2);
  if (!month || !TakeOneOf(in, "-")) return std::nullopt;
  const auto day = TakeNumber(in, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// Takes "08:00:00" as seconds since midnight.
std::optional<int64_t> TakeTimeOfDay(std::string_view& in) {
  const auto hour = TakeNumber(in, 2);
  if (!hour || *hour > 23 || !TakeOneOf(in, ":")) return std::nullopt;
  const auto minute = TakeNumber(in, 2);
  if (!minute || *minute > 59 || !TakeOneOf(in, ":")) return std::nullopt;
  const auto second = TakeNumber(in, 2);
  if (!second || *second > 59) return std::nullopt;
  return *hour * 3600 + *minute * 60 + *second;
}

// Takes ".25", or nothing, as nanoseconds; digits beyond the ninth are dropped.
std::optional<int64_t> TakeFraction(std::string_view& in) {
  if (!TakeOneOf(in, ".")) return 0;
  if (in.empty() || !IsDigit(in.front())) return std::nullopt;
  int64_t nanos = 0;
  int64_t scale = kSecond / 10;
  while (!in.empty() && IsDigit(in.front())) {
    nanos += (in.front() - '0') * scale;
    scale /= 10;
    in.remove_prefix(1);
  }
  return nanos;
}

// Takes "Z" or "+02:00" as the seconds local time is ahead of UTC.
std::optional<int64_t> TakeOffset(std::string_view& in) {
  if (TakeOneOf(in, "Zz")) return 0;
  if (in.empty() || (in.front() != '+' && in.front() != '-')) return std::nullopt;
  const int64_t sign = in.front() == '+' ? 1 : -1;
  in.remove_prefix(1);
  const auto hour = TakeNumber(in, 2);
  if (!hour || *hour > 23 || !TakeOneOf(in, ":")) return std::nullopt;
  const auto minute = TakeNumber(in, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return sign * (*hour * 3600 + *minute * 60);
}

std::optional<Timestamp> ParseRfc3339(std::string_view in) {
  const auto days = TakeDate(in);
  if (!days || !TakeOneOf(in, "Tt ")) return std::nullopt;
  const auto seconds = TakeTimeOfDay(in);
  if (!seconds) return std::nullopt;
  const auto nanos = TakeFraction(in);
  if (!nanos) return std::nullopt;
  const auto offset = TakeOffset(in);
  if (!offset || !in.empty()) return std::nullopt;
  const int64_t total = *days * 86'400 + *seconds - *offset;
  // Years beyond what nanoseconds hold become the end of time, which is out of range too.
  constexpr int64_t kMaxSeconds = std::numeric_limits<int64_t>::max() / kSecond - 1;
  if (total > kMaxSeconds) return Timestamp::max();
  if (total < -kMaxSeconds) return Timestamp::min();
  return FromNanos(total * kSecond + *nanos);
}

Result<Timestamp> CheckRange(Timestamp t, std::string_view text) {
  if (t >= kEarliestTime && t < kLatestTime) return t;
  return Invalid({}, "the time '" + std::string(text) + "' is not between 1970 and 2200",
                 "BAD_TIME");
}

Result<Timestamp> ParseRelative(std::string_view text, Timestamp now) {
  POSTROAD_ASSIGN(const Duration distance, ParseDuration(text.substr(1)));
  const __int128 nanos = text.front() == '+' ? __int128{ToNanos(now)} + distance.count()
                                             : __int128{ToNanos(now)} - distance.count();
  if (nanos > ToNanos(Timestamp::max())) return CheckRange(Timestamp::max(), text);
  if (nanos < ToNanos(Timestamp::min())) return CheckRange(Timestamp::min(), text);
  return CheckRange(FromNanos(static_cast<int64_t>(nanos)), text);
}

std::unexpected<Error> BadDuration(std::string_view text, std::string_view why) {
  return Invalid({},
                 "'" + std::string(text) + "' is no duration: " + std::string(why) +
                     " (write it like 1h30m, 250ms or 7d)",
                 "BAD_DURATION");
}

// Digits, perhaps with a fraction: value = digits / scale.
struct Decimal {
  __int128 digits = 0;
  __int128 scale = 1;
};

std::optional<Decimal> TakeDecimal(std::string_view& in) {
  constexpr __int128 kTooMany = __int128{1} << 64;
  Decimal number;
  bool any = false;
  bool fraction = false;
  for (; !in.empty() && (IsDigit(in.front()) || (in.front() == '.' && !fraction));
       in.remove_prefix(1)) {
    if (in.front() == '.') {
      fraction = true;
      continue;
    }
    any = true;
    number.digits = number.digits * 10 + (in.front() - '0');
    if (fraction) number.scale *= 10;
    if (number.digits > kTooMany || number.scale > kTooMany) return std::nullopt;
  }
  if (!any) return std::nullopt;
  return number;
}

const Unit* TakeUnit(std::string_view& in) {
  size_t length = 0;
  while (length < in.size() && !IsDigit(in[length]) && in[length] != '.') ++length;
  for (const Unit& unit : kUnits) {
    if (unit.name != in.substr(0, length)) continue;
    in.remove_prefix(length);
    return &unit;
  }
  return nullptr;
}

}  // namespace

std::string FormatTime(Timestamp t) {
  // By hand, since std::chrono::floor overflows near the ends of what nanoseconds hold.
  constexpr int64_t kDay = 86'400 * kSecond;
  int64_t day = ToNanos(t) / kDay;
  int64_t nanos = ToNanos(t) % kDay;
  if (nanos < 0) {
    nanos += kDay;
    --day;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day)))};
  const auto seconds = static_cast<unsigned>(nanos / kSecond);
  std::string text;
  text.reserve(32);
  AppendDigits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  AppendDigits(text += '-', static_cast<unsigned>(date.month()), 2);
  AppendDigits(text += '-', static_cast<unsigned>(date.day()), 2);
  AppendDigits(text += 'T', seconds / 3600, 2);
  AppendDigits(text += ':', seconds / 60 % 60, 2);
  AppendDigits(text += ':', seconds % 60, 2);
  if (const auto fraction = static_cast<unsigned>(nanos % kSecond); fraction != 0) {
    AppendDigits(text += '.', fraction, 9);
    while (text.back() == '0') text.pop_back();
  }
  return text + "Z";
}

Result<Timestamp> ParseTime(std::string_view text, Timestamp now) {
  if (text == "now") return now;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    return ParseRelative(text, now);
  }
  if (const auto t = ParseRfc3339(text)) return CheckRange(*t, text);
  return Invalid(
      {},
      "'" + std::string(text) + "' is no time: write it like 2026-01-31T08:00:00Z, now, +5m or -1h",
      "BAD_TIME");
}

std::string FormatDuration(Duration d) {
  if (d == Duration::zero()) return "0s";
  std::string text = d < Duration::zero() ? "-" : "";
  // Unsigned, so that the most negative duration has a magnitude.
  const auto count = static_cast<uint64_t>(d.count());
  uint64_t rest = d < Duration::zero() ? 0 - count : count;
  for (const Unit& unit : kUnits) {
    const uint64_t n = rest / static_cast<uint64_t>(unit.nanos);
    rest %= static_cast<uint64_t>(unit.nanos);
    if (n != 0) text.append(std::to_string(n)).append(unit.name);
  }
  return text;
}

Result<Duration> ParseDuration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return BadDuration(text, "it is empty");
  if (text.front() == '-') return BadDuration(text, "it is negative");
  __int128 total = 0;
  for (std::string_view in = text; !in.empty();) {
    const auto number = TakeDecimal(in);
    if (!number) return BadDuration(text, "a number is due");
    const Unit* unit = TakeUnit(in);
    if (unit == nullptr) return BadDuration(text, "units are ns us ms s m h d");
    const __int128 scaled = number->digits * unit->nanos;
    if (scaled % number->scale != 0) return BadDuration(text, "it is finer than a nanosecond");
    total += scaled / number->scale;
    if (total > kLongestDuration) return BadDuration(text, "it is over 100 years");
  }
  return Duration(static_cast<int64_t>(total));
}

}  // namespace postroad
