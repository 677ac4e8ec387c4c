// Logging: one line an entry, as text or JSON, to standard error. Never secrets, never payloads.
#ifndef POSTROAD_RUNTIME_LOG_H_
#define POSTROAD_RUNTIME_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/error.h"

namespace postroad {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };

// Sets how the process logs; call before threads start. Until then: text, info and above.
void ConfigureLog(LogLevel level, LogFormat format);

// One entry: a message of fixed words, and what varies as fields:
//   LogInfo("listening", {{"address", address}, {"protocol", "grpc"}});
struct LogField {
  LogField(std::string_view key, std::string_view value) : key(key), value(value) {}
  LogField(std::string_view key, const char* value) : key(key), value(value) {}
  LogField(std::string_view key, const std::string& value) : key(key), value(value) {}
  LogField(std::string_view key, const Error& error) : key(key), value(error.ToString()) {}
  template <typename N>
    requires std::is_integral_v<N>
  LogField(std::string_view key, N number) : key(key), value(std::to_string(number)), bare(true) {}
  LogField(std::string_view key, double number);
  LogField(std::string_view key, bool flag)
      : key(key), value(flag ? "true" : "false"), bare(true) {}
  std::string key;
  std::string value;
  bool bare = false;  // a number or truth value: JSON shows it without quotes
};
using LogFields = std::initializer_list<LogField>;

// What ConfigureLog's formats make of an entry, the time aside; always one line.
std::string FormatLogEntry(LogFormat format, std::string_view message, LogFields fields);

void LogDebug(std::string_view message, LogFields fields = {});
void LogInfo(std::string_view message, LogFields fields = {});
void LogWarn(std::string_view message, LogFields fields = {});
void LogError(std::string_view message, LogFields fields = {});

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_LOG_H_
