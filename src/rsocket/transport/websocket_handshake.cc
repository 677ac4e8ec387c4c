// See websocket_handshake.h.
#include "rsocket/transport/websocket_handshake.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>

#include "rsocket/transport/deflate.h"

namespace postroad::rsocket {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kKeyBase64Bytes = 24;  // of 16 bytes

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool SameWord(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

std::string Refusal(std::string_view status, std::string_view extra, std::string_view why) {
  std::string text = "HTTP/1.1 " + std::string(status) +
                     "\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\n";
  text.append(extra);
  text += "Connection: close\r\nContent-Length: " + std::to_string(why.size() + 1) + "\r\n\r\n";
  return text.append(why) + "\n";
}

// "host:port" of an origin, without its scheme.
std::string_view HostOf(std::string_view origin) {
  const size_t at = origin.find("://");
  return at == std::string_view::npos ? origin : origin.substr(at + 3);
}

std::string Base64(const unsigned char* bytes, int size) {
  std::string encoded(static_cast<size_t>(4 * ((size + 2) / 3)) + 1, '\0');
  encoded.resize(static_cast<size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), bytes, size)));
  return encoded;
}

}  // namespace

std::string_view WebSocketRequest::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (SameWord(field, name)) return value;
  }
  return {};
}

bool OriginAllowed(const WebSocketRequest& request, const std::vector<std::string>& origins) {
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return true;
  if (origins.empty()) return SameWord(HostOf(origin), request.Header("Host"));
  return std::ranges::any_of(
      origins, [&](const std::string& one) { return one == "*" || SameWord(one, origin); });
}

std::expected<std::string, std::string> AnswerHandshake(const WebSocketRequest& request,
                                                        const std::vector<std::string>& origins,
                                                        bool deflate) {
  if (request.Header("Sec-WebSocket-Version") != "13") {
    return std::unexpected(Refusal("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n",
                                   "WEBSOCKET_VERSION: only WebSocket version 13 is spoken here"));
  }
  const std::string_view key = request.Header("Sec-WebSocket-Key");
  if (key.size() != kKeyBase64Bytes) {
    return std::unexpected(
        Refusal("400 Bad Request", "",
                "WEBSOCKET_KEY: Sec-WebSocket-Key is missing or is not 16 bytes in base64"));
  }
  if (!OriginAllowed(request, origins)) {
    return std::unexpected(Refusal("403 Forbidden", "",
                                   "ORIGIN_NOT_ALLOWED: the page's origin " +
                                       std::string(request.Header("Origin")) +
                                       (origins.empty() ? " is not this server's own; "
                                                          "rsocket.origins can allow it"
                                                        : " is not among rsocket.origins")));
  }
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      AcceptFor(key) + "\r\n";
  if (deflate) answer.append("Sec-WebSocket-Extensions: ").append(kDeflateExtension).append("\r\n");
  return answer + "\r\n";
}

std::string RefuseForNow(std::string_view why) {
  return Refusal("503 Service Unavailable", "Retry-After: 1\r\n", why);
}

std::string NewWebSocketKey() {
  unsigned char bytes[16];
  RAND_bytes(bytes, sizeof bytes);
  return Base64(bytes, sizeof bytes);
}

std::string AcceptFor(std::string_view key) {
  const std::string text = std::string(key).append(kGuid);
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return Base64(digest, sizeof digest);
}

}  // namespace postroad::rsocket
