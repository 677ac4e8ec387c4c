// Logging on spdlog: it filters and writes; entries are formatted here.
#include "runtime/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>

#include "core/utf8.h"
#include "runtime/log_sink.h"

namespace postroad {
namespace {

std::atomic<LogFormat> configured_format = LogFormat::kText;

// Times in UTC with milliseconds; %v is what FormatLogEntry made.
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// Made once and never destroyed, so that threads may log while the process exits.
spdlog::logger& Logger() {
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger("postroad", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
    made->set_error_handler([](const std::string&) {});  // stderr is gone: nowhere to say so
    return made;
  }();
  return *logger;
}

// Appends `text` with quotes, in the escapes that JSON knows. Bytes that are no UTF-8 are shown as
// the code points of their values.
void AppendQuoted(std::string& out, std::string_view text) {
  const bool utf8 = IsValidUtf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty() || !IsValidUtf8(text)) return true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\' || c == '=') return true;
  }
  return false;
}

// A message's words go bare, unless they could break the line.
bool NeedsQuotesAsMessage(std::string_view text) {
  if (!IsValidUtf8(text)) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

std::string FormatText(std::string_view message, LogFields fields) {
  std::string line;
  if (NeedsQuotesAsMessage(message)) {
    AppendQuoted(line, message);
  } else {
    line += message;
  }
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (NeedsQuotes(field.value)) {
      AppendQuoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  return line;
}

// The members of a JSON object, without its braces.
std::string FormatJson(std::string_view message, LogFields fields) {
  std::string line = R"("message":)";
  AppendQuoted(line, message);
  for (const LogField& field : fields) {
    line += ',';
    AppendQuoted(line, field.key);
    line += ':';
    if (field.bare) {
      line += field.value;
    } else {
      AppendQuoted(line, field.value);
    }
  }
  return line;
}

// Never destroyed, as the logger.
struct Sink {
  std::mutex mutex;
  std::shared_ptr<const LogSink> sink;  // guarded by mutex; null: standard error
};
Sink& TheSink() {
  static Sink* const made = new Sink;
  return *made;
}
std::shared_ptr<const LogSink> CurrentSink() {
  Sink& current = TheSink();
  std::lock_guard lock(current.mutex);
  return current.sink;
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return LogLevel::kDebug;
    case spdlog::level::info:
      return LogLevel::kInfo;
    case spdlog::level::warn:
      return LogLevel::kWarn;
    default:
      return LogLevel::kError;
  }
}

void Log(spdlog::level::level_enum level, std::string_view message, LogFields fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(level)) return;
  if (const auto sink = CurrentSink()) {
    return (*sink)(FromSpdlog(level), FormatLogEntry(LogFormat::kText, message, fields));
  }
  const LogFormat format = configured_format.load(std::memory_order_relaxed);
  logger.log(level, spdlog::string_view_t(FormatLogEntry(format, message, fields)));
}

}  // namespace

// As short as reads back the same; what JSON has no number for is text.
LogField::LogField(std::string_view key, double number) : key(key), bare(std::isfinite(number)) {
  char text[32];
  value.assign(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void ConfigureLog(LogLevel level, LogFormat format) {
  configured_format = format;
  Logger().set_pattern(format == LogFormat::kJson ? kJsonPattern : kTextPattern,
                       spdlog::pattern_time_type::utc);
  Logger().set_level(ToSpdlog(level));
}

void SetLogSink(LogSink sink) {
  Sink& current = TheSink();
  std::lock_guard lock(current.mutex);
  current.sink = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
}

std::string FormatLogEntry(LogFormat format, std::string_view message, LogFields fields) {
  return format == LogFormat::kJson ? FormatJson(message, fields) : FormatText(message, fields);
}

void LogDebug(std::string_view message, LogFields fields) {
  Log(spdlog::level::debug, message, fields);
}
void LogInfo(std::string_view message, LogFields fields) {
  Log(spdlog::level::info, message, fields);
}
void LogWarn(std::string_view message, LogFields fields) {
  Log(spdlog::level::warn, message, fields);
}
void LogError(std::string_view message, LogFields fields) {
  Log(spdlog::level::err, message, fields);
}

}  // namespace postroad
