// See websocket_frame.h.
#include "rsocket/transport/websocket_frame.h"

#include <cstring>

#include "core/utf8.h"
#include "rsocket/transport/deflate.h"

namespace postroad::rsocket {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kCompressed = 0x40;  // RSV1
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kMasked = 0x80;

bool IsControl(Opcode opcode) { return (static_cast<uint8_t>(opcode) & 8) != 0; }

uint64_t Big(const char* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}
void AppendBig(uint64_t value, size_t size, std::string& out) {
  while (size-- > 0) out.push_back(static_cast<char>(value >> (8 * size)));
}

}  // namespace

void AppendFrameHead(Opcode opcode, size_t size, std::optional<uint32_t> mask, std::string& out,
                     bool compressed) {
  const uint8_t flags = compressed ? kFin | kCompressed : kFin;
  out.push_back(static_cast<char>(flags | static_cast<uint8_t>(opcode)));
  const uint8_t masked = mask ? kMasked : 0;
  if (size < 126) {
    out.push_back(static_cast<char>(masked | size));
  } else if (size <= 0xffff) {
    out.push_back(static_cast<char>(masked | 126));
    AppendBig(size, 2, out);
  } else {
    out.push_back(static_cast<char>(masked | 127));
    AppendBig(size, 8, out);
  }
  if (mask) AppendBig(*mask, 4, out);
}

void MaskBytes(uint32_t mask, char* bytes, size_t size) {
  const uint32_t word = __builtin_bswap32(mask);  // in the order of the bytes
  const uint64_t wide = static_cast<uint64_t>(word) << 32 | word;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t value;
    std::memcpy(&value, bytes + i, 8);
    value ^= wide;
    std::memcpy(bytes + i, &value, 8);
  }
  for (; i < size; ++i) bytes[i] = static_cast<char>(bytes[i] ^ (mask >> (24 - 8 * (i % 4))));
}

void AppendControl(Opcode opcode, std::string_view payload, std::optional<uint32_t> mask,
                   std::string& out) {
  payload = payload.substr(0, kMaxControlBytes);
  AppendFrameHead(opcode, payload.size(), mask, out);
  out.append(payload);
  if (mask) MaskBytes(*mask, out.data() + out.size() - payload.size(), payload.size());
}

void AppendClose(CloseCode code, std::string_view reason, std::optional<uint32_t> mask,
                 std::string& out) {
  std::string payload;
  if (code != CloseCode::kNoneGiven) {
    AppendBig(static_cast<uint16_t>(code), 2, payload);
    size_t size = std::min(reason.size(), kMaxCloseReasonBytes);
    // Not within a character.
    while (size > 0 && size < reason.size() && (reason[size] & 0xc0) == 0x80) --size;
    payload.append(reason.substr(0, size));
  }
  AppendControl(Opcode::kClose, payload, mask, out);
}

size_t WebSocketReader::Read(char* bytes, size_t size, const Events& events) {
  size_t taken = 0;
  while (!ended_ && taken < size) {
    const auto head = ReadHead(bytes + taken, size - taken, events);
    if (!head || head->size > size - taken - head->bytes) break;
    char* const payload = bytes + taken + head->bytes;
    if (head->masked) MaskBytes(head->mask, payload, head->size);
    taken += head->bytes + head->size;
    if (!Take(*head, {payload, head->size}, events)) ended_ = true;
  }
  return taken;
}

std::optional<WebSocketReader::Head> WebSocketReader::ReadHead(const char* bytes, size_t size,
                                                               const Events& events) {
  if (size < 2) return std::nullopt;
  Head head;
  const auto first = static_cast<uint8_t>(bytes[0]);
  const auto second = static_cast<uint8_t>(bytes[1]);
  head.fin = (first & kFin) != 0;
  head.opcode = static_cast<Opcode>(first & 0x0f);
  head.compressed = (first & kCompressed) != 0;
  head.masked = (second & kMasked) != 0;
  head.size = second & 0x7f;
  head.bytes = 2;
  const size_t length = head.size == 126 ? 2 : head.size == 127 ? 8 : 0;
  if (size < head.bytes + length) return std::nullopt;
  if (length > 0) head.size = Big(bytes + 2, length);
  head.bytes += length;
  if (const char* wrong = WrongWith(head, first)) {
    Fault(CloseCode::kProtocolError, wrong, events);
    return std::nullopt;
  }
  if (!IsControl(head.opcode) && head.size > limits_.max_message_bytes - message_.size()) {
    Fault(CloseCode::kTooBig,
          "a message of more than " + std::to_string(limits_.max_message_bytes) + " bytes", events);
    return std::nullopt;
  }
  if (!head.masked) return head;
  if (size < head.bytes + 4) return std::nullopt;
  head.mask = static_cast<uint32_t>(Big(bytes + head.bytes, 4));
  head.bytes += 4;
  return head;
}

const char* WebSocketReader::WrongWith(const Head& head, uint8_t first) const {
  const bool may_be_compressed =
      limits_.deflate && (head.opcode == Opcode::kText || head.opcode == Opcode::kBinary);
  if ((first & kReservedBits & ~(may_be_compressed ? kCompressed : 0)) != 0) {
    return "a WebSocket frame has reserved bits set";
  }
  if (head.masked != limits_.expect_masked) {
    return head.masked ? "a server's WebSocket frame is masked"
                       : "a client's WebSocket frame is not masked";
  }
  switch (head.opcode) {
    case Opcode::kContinuation:
      return in_message_ ? nullptr : "a WebSocket continuation continues nothing";
    case Opcode::kText:
    case Opcode::kBinary:
      return in_message_ ? "a WebSocket message begins within another" : nullptr;
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong:
      if (!head.fin) return "a WebSocket control frame is fragmented";
      return head.size > kMaxControlBytes ? "a WebSocket control frame is too long" : nullptr;
  }
  return "a WebSocket frame of an unknown kind";
}

bool WebSocketReader::Take(const Head& head, std::string_view payload, const Events& events) {
  return IsControl(head.opcode) ? TakeControl(head, payload, events)
                                : TakeData(head, payload, events);
}

bool WebSocketReader::TakeControl(const Head& head, std::string_view payload,
                                  const Events& events) {
  if (head.opcode == Opcode::kPong) return true;
  if (head.opcode == Opcode::kPing) return events.ping(payload);
  if (payload.size() == 1 || (payload.size() > 2 && !IsValidUtf8(payload.substr(2)))) {
    return Fault(CloseCode::kProtocolError, "a malformed WebSocket Close", events);
  }
  if (payload.empty()) {
    events.close(CloseCode::kNoneGiven, "");
  } else {
    events.close(static_cast<CloseCode>(Big(payload.data(), 2)), payload.substr(2));
  }
  return false;
}

bool WebSocketReader::TakeData(const Head& head, std::string_view payload, const Events& events) {
  if (head.opcode == Opcode::kText) {
    return Fault(CloseCode::kUnsupportedData,
                 "a WebSocket text message came; RSocket goes in binary messages", events);
  }
  if (head.opcode == Opcode::kBinary && head.fin) return Deliver(head.compressed, payload, events);
  if (head.opcode == Opcode::kBinary) compressed_ = head.compressed;
  message_.append(payload);
  in_message_ = !head.fin;
  if (in_message_) return true;
  const std::string whole = std::move(message_);
  message_ = {};
  return Deliver(compressed_, whole, events);
}

bool WebSocketReader::Deliver(bool compressed, std::string_view message, const Events& events) {
  if (!compressed) return events.message(message);
  std::string whole;
  switch (Inflate(message, limits_.max_message_bytes, whole)) {
    case Inflated::kWhole:
      return events.message(whole);
    case Inflated::kMalformed:
      return Fault(CloseCode::kProtocolError, "a malformed compressed WebSocket message", events);
    case Inflated::kTooMuch:
      break;
  }
  return Fault(
      CloseCode::kTooBig,
      "a compressed message of more than " + std::to_string(limits_.max_message_bytes) + " bytes",
      events);
}

bool WebSocketReader::Fault(CloseCode code, std::string_view reason, const Events& events) {
  ended_ = true;
  events.fault(code, reason);
  return false;
}

}  // namespace postroad::rsocket
