// The WebSocket handshake (RFC 6455, 4): the server's answer, and the keys, on strings.
#ifndef POSTROAD_RSOCKET_TRANSPORT_WEBSOCKET_HANDSHAKE_H_
#define POSTROAD_RSOCKET_TRANSPORT_WEBSOCKET_HANDSHAKE_H_

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad::rsocket {

// A request for an upgrade to WebSocket, as HTTP has read it.
struct WebSocketRequest {
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  // The first of this name, whatever its case; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

// Which pages may connect, by their Origin: "https://app.example", or "*" for all. Requests
// without Origin come from programs, not from pages, and pass. With no origins given, pages of the
// same host pass (Origin's host and port are the request's Host).
bool OriginAllowed(const WebSocketRequest& request, const std::vector<std::string>& origins);

// The answer to send: 101, or else the refusal, which says why (the error). With `deflate` it
// agrees to messages being compressed.
std::expected<std::string, std::string> AnswerHandshake(const WebSocketRequest& request,
                                                        const std::vector<std::string>& origins,
                                                        bool deflate = false);

// The answer where the server takes no more for now.
std::string RefuseForNow(std::string_view why);

// A client's Sec-WebSocket-Key: 16 random bytes in base64.
std::string NewWebSocketKey();

// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string AcceptFor(std::string_view key);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_WEBSOCKET_HANDSHAKE_H_
