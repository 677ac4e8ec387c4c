// WebSocket frames (RFC 6455) as bytes, without I/O: what a writer needs to gather many messages
// into one write, and a reader that parses where the bytes lie.
#ifndef POSTROAD_RSOCKET_TRANSPORT_WEBSOCKET_FRAME_H_
#define POSTROAD_RSOCKET_TRANSPORT_WEBSOCKET_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace postroad::rsocket {

enum class Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// RFC 6455, 7.4.1.
enum class CloseCode : uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupportedData = 1003,
  kNoneGiven = 1005,  // never sent: the peer's Close had no code
  kPolicy = 1008,
  kTooBig = 1009,
  kInternal = 1011,
};

inline constexpr size_t kMaxCloseReasonBytes = 123;
inline constexpr size_t kMaxControlBytes = 125;

// Appends the head of an unfragmented frame whose payload of `size` bytes follows. With a mask, as
// clients must have one, the payload is to be passed through MaskBytes. `compressed`: it is, by
// permessage-deflate.
void AppendFrameHead(Opcode opcode, size_t size, std::optional<uint32_t> mask, std::string& out,
                     bool compressed = false);
void MaskBytes(uint32_t mask, char* bytes, size_t size);
// A whole control frame. A close reason longer than kMaxCloseReasonBytes is cut at a character.
void AppendControl(Opcode opcode, std::string_view payload, std::optional<uint32_t> mask,
                   std::string& out);
void AppendClose(CloseCode code, std::string_view reason, std::optional<uint32_t> mask,
                 std::string& out);

// Takes a peer's bytes and gives its messages.
class WebSocketReader {
 public:
  struct Limits {
    bool expect_masked = true;  // we are the server
    size_t max_message_bytes = 0;
    bool deflate = false;  // permessage-deflate was agreed on
  };
  // What a peer's bytes hold. Views are valid during the call. A handler that returns false stops
  // the reading; what is behind is lost.
  struct Events {
    std::function<bool(std::string_view)> message;
    std::function<bool(std::string_view)> ping;
    // The end: the peer closes. kNoneGiven without a code.
    std::function<void(CloseCode, std::string_view)> close;
    // The end: the peer broke the rules; to be answered with this Close.
    std::function<void(CloseCode, std::string_view)> fault;
  };

  explicit WebSocketReader(Limits limits) : limits_(limits) {}

  // Reads all whole frames in `bytes`, which it unmasks in place, and says how many bytes they
  // took; the rest has to come again, with more behind it.
  size_t Read(char* bytes, size_t size, const Events& events);
  bool ended() const { return ended_; }

 private:
  struct Head {
    bool fin = false;
    Opcode opcode = Opcode::kBinary;
    bool compressed = false;
    bool masked = false;
    uint32_t mask = 0;
    uint64_t size = 0;
    size_t bytes = 0;  // of the head
  };
  // Nothing if more bytes are needed, or after a fault.
  std::optional<Head> ReadHead(const char* bytes, size_t size, const Events& events);
  const char* WrongWith(const Head& head, uint8_t first) const;
  bool Take(const Head& head, std::string_view payload, const Events& events);
  bool TakeControl(const Head& head, std::string_view payload, const Events& events);
  bool TakeData(const Head& head, std::string_view payload, const Events& events);
  bool Deliver(bool compressed, std::string_view message, const Events& events);
  bool Fault(CloseCode code, std::string_view reason, const Events& events);

  Limits limits_;
  bool in_message_ = false;  // a fragmented one
  bool compressed_ = false;  // it
  bool ended_ = false;
  std::string message_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_WEBSOCKET_FRAME_H_
