// How frames lie on a connection: with a length before each (TCP), or as WebSocket messages.
#ifndef POSTROAD_RSOCKET_TRANSPORT_WIRE_H_
#define POSTROAD_RSOCKET_TRANSPORT_WIRE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "rsocket/session/payload.h"
#include "rsocket/transport/websocket_frame.h"

namespace postroad::rsocket {

// What a wire makes of the bytes that came. Views are valid during the call.
struct WireEvents {
  // One RSocket frame; false stops the reading.
  std::function<bool(std::string_view)> frame;
  // The wire's own answer (pong, close) to be sent before all else.
  std::function<void(std::string)> answer;
  // The peer said that it closes, or broke the wire's rules; nothing more is read.
  std::function<void(std::string reason, bool fault)> end;
};

// The bytes of one connection, either way. No sockets.
class Wire {
 public:
  virtual ~Wire() = default;
  // Reads what is whole and says how many bytes that took. May change `bytes`.
  virtual size_t Read(char* bytes, size_t size, const WireEvents& events) = 0;
  // Appends the frame as it goes out.
  virtual void Write(const OutFrame& frame, std::string& out) = 0;
  // The last bytes, which tell the peer why: after an ERROR frame (`fault`), or after none.
  virtual std::string Close(bool fault, std::string_view reason) = 0;
  virtual bool websocket() const = 0;
  virtual bool deflates() const { return false; }
};

std::unique_ptr<Wire> TcpWire(size_t max_frame_bytes);
// `deflate`: permessage-deflate was agreed on.
std::unique_ptr<Wire> WebSocketWire(size_t max_frame_bytes, bool client, bool deflate);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_WIRE_H_
