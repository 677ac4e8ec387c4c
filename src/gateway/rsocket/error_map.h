// From core's errors to RSocket's.
#ifndef POSTROAD_GATEWAY_RSOCKET_ERROR_MAP_H_
#define POSTROAD_GATEWAY_RSOCKET_ERROR_MAP_H_

#include <string>

#include "core/error.h"
#include "rsocket/framing/frame.h"

namespace postroad::rsocket_gateway {

rsocket::ErrorFrameCode ToErrorCode(ErrorCode code);
// "BAD_CURSOR: cursor: …": the reason (or the code's name) first, for programs.
std::string ErrorText(const Error& error);

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_ERROR_MAP_H_
