// The rules that an event's fields and a filter's entries have in common.
#ifndef POSTROAD_CORE_EVENT_RULES_H_
#define POSTROAD_CORE_EVENT_RULES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad {

// "events[3]" and "id" make "events[3].id"; an empty parent leaves "id".
std::string FieldPath(std::string_view parent, std::string_view name);

// Text of at most `most` bytes of UTF-8. The error names parent.name.
Status CheckText(std::string_view text, size_t most, std::string_view parent,
                 std::string_view name);

// A header's name (1 to 255 printable ASCII characters, no blanks) and value. The error names
// parent.headers["name"].
Status CheckHeader(std::string_view name, std::string_view value, std::string_view parent);

// Whether `text` is a traceparent of W3C Trace Context: version-trace id-parent id-flags.
bool IsTraceparent(std::string_view text);

}  // namespace postroad

#endif  // POSTROAD_CORE_EVENT_RULES_H_
