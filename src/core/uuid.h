// UUIDs version 7 (RFC 9562): the ids Postroad gives to events that have none.
#ifndef POSTROAD_CORE_UUID_H_
#define POSTROAD_CORE_UUID_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace postroad {

// A new UUIDv7 in its 36-character form; ever-increasing within a thread. Thread-safe, no lock.
std::string NewUuidV7(Timestamp now);

// The millisecond a UUIDv7 was made at; nothing if `text` is not one.
std::optional<Timestamp> UuidV7Time(std::string_view text);

}  // namespace postroad

#endif  // POSTROAD_CORE_UUID_H_
