// Holds the record codec against protobuf's: any bytes in, any difference out.
#ifndef POSTROAD_TESTS_CORE_REFERENCE_EVENT_REFERENCE_H_
#define POSTROAD_TESTS_CORE_REFERENCE_EVENT_REFERENCE_H_

#include <string>
#include <string_view>

#include "core/event.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::testing {

// What ParseRecord or EncodeRecord makes of `bytes` otherwise than protobuf does; "" if nothing.
std::string RecordDifference(std::string_view bytes);

// The same for BodyReader and ParseRecord against a repeated field of events.
std::string BodyDifference(std::string_view bytes);

// Protobuf's class with the fields of `event`, the topic too.
v1::Event ToProto(const Event& event);

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_CORE_REFERENCE_EVENT_REFERENCE_H_
