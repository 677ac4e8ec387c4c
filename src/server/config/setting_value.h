// Values of settings as they are written, and the kinds they are read as: sizes, durations, counts.
#ifndef POSTROAD_SERVER_CONFIG_SETTING_VALUE_H_
#define POSTROAD_SERVER_CONFIG_SETTING_VALUE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace postroad::server {

// A value before it is known what it is for.
struct RawValue {
  enum class Type { kText, kInteger, kBoolean, kList, kOther };
  Type type = Type::kText;
  std::string text;               // as written; of kText, without its quotes
  std::vector<std::string> list;  // of kList, whose elements are all text
  // From a variable or a flag, where all is text: numbers, booleans and lists are read out of it.
  bool loose = false;

  static RawValue Loose(std::string text) { return {.text = std::move(text), .loose = true}; }
};

// Each gives the value, or INVALID_ARGUMENT with what it must be: "must be a size such as 64MiB".
Result<uint64_t> ReadCount(const RawValue& value);
// Bytes: a number, or one with kB MB GB TB or KiB MiB GiB TiB.
Result<uint64_t> ReadBytes(const RawValue& value);
// A duration with units; 0 needs none.
Result<Duration> ReadDuration(const RawValue& value);
Result<bool> ReadFlag(const RawValue& value);
Result<std::string> ReadText(const RawValue& value);
// A list, or one text alone. Loose: separated by commas.
Result<std::vector<std::string>> ReadList(const RawValue& value);

// As it would be written in the file.
std::string ShowCount(uint64_t count);
std::string ShowBytes(uint64_t bytes);
std::string ShowDuration(Duration duration);
std::string ShowFlag(bool flag);
std::string ShowText(std::string_view text);
std::string ShowList(const std::vector<std::string>& list);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_SETTING_VALUE_H_
