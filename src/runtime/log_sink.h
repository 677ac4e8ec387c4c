// Where log entries go instead of standard error: for libraries in somebody else's process.
#ifndef POSTROAD_RUNTIME_LOG_SINK_H_
#define POSTROAD_RUNTIME_LOG_SINK_H_

#include <functional>
#include <string_view>

#include "runtime/log.h"

namespace postroad {

// Called on any thread, side by side, with each entry of ConfigureLog's level or above, as text.
// Must not log.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;
// Of the process; empty: standard error again. An entry that is under way may still come.
void SetLogSink(LogSink sink);

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_LOG_SINK_H_
