// permessage-deflate (RFC 7692) without context takeover: each message is compressed by itself, so
// that a connection costs no memory for it, only each thread.
#ifndef POSTROAD_RSOCKET_TRANSPORT_DEFLATE_H_
#define POSTROAD_RSOCKET_TRANSPORT_DEFLATE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace postroad::rsocket {

// Of Sec-WebSocket-Extensions: what a client offers and what a server answers.
inline constexpr std::string_view kDeflateExtension =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
// Whether a client's header has an offer that kDeflateExtension answers.
bool OffersDeflate(std::string_view extensions);
// Whether a server's header answers kDeflateExtension, and nothing else.
bool AcceptsDeflate(std::string_view extensions);

// Shorter messages go as they are.
inline constexpr size_t kLeastDeflatedBytes = 128;
// Appends the message, which is `head` and then `body`, compressed; false, and nothing appended, if
// that would not be smaller.
bool Deflate(std::string_view head, std::string_view body, std::string& out);
// Appends what a compressed message holds, if that is at most `max_bytes`.
enum class Inflated { kWhole, kMalformed, kTooMuch };
Inflated Inflate(std::string_view message, size_t max_bytes, std::string& out);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_DEFLATE_H_
