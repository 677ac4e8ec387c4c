// See setting_value.h.
#include "server/config/setting_value.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

namespace postroad::server {
namespace {

struct Unit {
  std::string_view name;
  uint64_t bytes;
};
constexpr std::array<Unit, 9> kUnits = {{{"TiB", 1ull << 40},
                                         {"GiB", 1ull << 30},
                                         {"MiB", 1ull << 20},
                                         {"KiB", 1ull << 10},
                                         {"TB", 1'000'000'000'000},
                                         {"GB", 1'000'000'000},
                                         {"MB", 1'000'000},
                                         {"kB", 1'000},
                                         {"B", 1}}};

// Digits, in which underscores and blanks at the end do not count.
std::optional<uint64_t> ParseDigits(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  while (digits.ends_with(' ')) digits.pop_back();
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

bool IsNumber(const RawValue& value) {
  return value.type == RawValue::Type::kInteger || value.loose;
}

std::string WrittenAs(const RawValue& value) {
  return value.type == RawValue::Type::kText ? ShowText(value.text) : value.text;
}

std::unexpected<Error> MustBe(std::string_view what, const RawValue& value) {
  return Invalid({}, "must be " + std::string(what) + ", not " + WrittenAs(value));
}

}  // namespace

Result<uint64_t> ReadCount(const RawValue& value) {
  const auto count = IsNumber(value) ? ParseDigits(value.text) : std::nullopt;
  if (!count) return MustBe("a whole number, 0 or more", value);
  return *count;
}

Result<uint64_t> ReadBytes(const RawValue& value) {
  constexpr std::string_view kWhat = "a size such as 64MiB";
  if (value.type == RawValue::Type::kInteger) {
    const auto bytes = ParseDigits(value.text);
    return bytes ? Result<uint64_t>(*bytes) : MustBe(kWhat, value);
  }
  if (value.type != RawValue::Type::kText) return MustBe(kWhat, value);
  std::string_view number = value.text;
  uint64_t unit_bytes = 1;
  for (const Unit& unit : kUnits) {
    if (!number.ends_with(unit.name)) continue;
    number.remove_suffix(unit.name.size());
    unit_bytes = unit.bytes;
    break;
  }
  const auto count = ParseDigits(number);
  uint64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, unit_bytes, &bytes)) return MustBe(kWhat, value);
  return bytes;
}

Result<Duration> ReadDuration(const RawValue& value) {
  const bool zero = value.type == RawValue::Type::kInteger && value.text == "0";
  if (value.type == RawValue::Type::kText || zero) {
    if (const auto duration = ParseDuration(value.text)) return *duration;
  }
  return MustBe("a duration with its unit, such as \"30s\" or \"1h30m\"", value);
}

Result<bool> ReadFlag(const RawValue& value) {
  if (value.type == RawValue::Type::kBoolean || value.loose) {
    if (value.text == "true") return true;
    if (value.text == "false") return false;
  }
  return MustBe("true or false", value);
}

Result<std::string> ReadText(const RawValue& value) {
  if (value.type == RawValue::Type::kText) return value.text;
  return MustBe("text in quotes", value);
}

Result<std::vector<std::string>> ReadList(const RawValue& value) {
  if (value.type == RawValue::Type::kList) return value.list;
  if (value.type != RawValue::Type::kText) {
    return MustBe("a list of texts such as [\"a\", \"b\"]", value);
  }
  if (!value.loose) return std::vector{value.text};
  std::vector<std::string> list;
  std::string_view rest = value.text;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    if (comma != 0) list.emplace_back(rest.substr(0, comma));
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
  }
  return list;
}

std::string ShowCount(uint64_t count) { return std::to_string(count); }

std::string ShowBytes(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (!unit.name.ends_with("iB") || bytes == 0 || bytes % unit.bytes != 0) continue;
    return ShowText(std::to_string(bytes / unit.bytes) + std::string(unit.name));
  }
  return std::to_string(bytes);
}

std::string ShowDuration(Duration duration) { return ShowText(FormatDuration(duration)); }

std::string ShowFlag(bool flag) { return flag ? "true" : "false"; }

// A TOML basic string.
std::string ShowText(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", byte);
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string ShowList(const std::vector<std::string>& list) {
  std::string shown = "[";
  for (const std::string& text : list) {
    if (shown.size() > 1) shown += ", ";
    shown += ShowText(text);
  }
  return shown + "]";
}

}  // namespace postroad::server
