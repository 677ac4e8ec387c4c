// Records (core/event.h) for those who frame them in a way of their own.
#ifndef POSTROAD_CORE_RECORD_H_
#define POSTROAD_CORE_RECORD_H_

#include <cstddef>
#include <string>

#include "core/event.h"

namespace postroad {

// The bytes of EncodeRecord(event).
size_t RecordSize(const EventView& event);
// Appends EncodeRecord(event).
void AppendRecord(const EventView& event, std::string& out);

}  // namespace postroad

#endif  // POSTROAD_CORE_RECORD_H_
