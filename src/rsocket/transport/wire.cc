// See wire.h.
#include "rsocket/transport/wire.h"

#include <random>

#include "rsocket/transport/deflate.h"

namespace postroad::rsocket {
namespace {

constexpr size_t kLengthBytes = 3;

class Tcp final : public Wire {
 public:
  explicit Tcp(size_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  size_t Read(char* bytes, size_t size, const WireEvents& events) override {
    size_t taken = 0;
    while (size - taken >= kLengthBytes) {
      const auto* at = reinterpret_cast<const unsigned char*>(bytes + taken);
      const size_t length = size_t{at[0]} << 16 | size_t{at[1]} << 8 | at[2];
      if (length > max_frame_bytes_) {
        events.end("a frame of " + std::to_string(length) + " bytes; at most " +
                       std::to_string(max_frame_bytes_) + " are taken",
                   true);
        return taken;
      }
      if (size - taken - kLengthBytes < length) return taken;
      const std::string_view frame(bytes + taken + kLengthBytes, length);
      taken += kLengthBytes + length;
      if (!events.frame(frame)) return taken;
    }
    return taken;
  }

  void Write(const OutFrame& frame, std::string& out) override {
    const size_t size = frame.size();
    out.push_back(static_cast<char>(size >> 16));
    out.push_back(static_cast<char>(size >> 8));
    out.push_back(static_cast<char>(size));
    out.append(frame.head).append(frame.body);
  }
  std::string Close(bool, std::string_view) override { return {}; }
  bool websocket() const override { return false; }

 private:
  const size_t max_frame_bytes_;
};

class WebSocket final : public Wire {
 public:
  WebSocket(size_t max_frame_bytes, bool client, bool deflate)
      : client_(client),
        deflate_(deflate),
        reader_(
            {.expect_masked = !client, .max_message_bytes = max_frame_bytes, .deflate = deflate}) {}

  size_t Read(char* bytes, size_t size, const WireEvents& events) override {
    WebSocketReader::Events reading;
    reading.message = events.frame;
    reading.ping = [&](std::string_view data) {
      std::string pong;
      AppendControl(Opcode::kPong, data, Mask(), pong);
      events.answer(std::move(pong));
      return true;
    };
    reading.close = [&](CloseCode code, std::string_view reason) { Closed(code, reason, events); };
    reading.fault = [&](CloseCode code, std::string_view reason) {
      close_code_ = code;
      events.end(std::string(reason), true);
    };
    return reader_.Read(bytes, size, reading);
  }

  void Write(const OutFrame& frame, std::string& out) override {
    if (deflate_ && frame.size() >= kLeastDeflatedBytes) {
      thread_local std::string compressed;
      compressed.clear();
      if (Deflate(frame.head, frame.body, compressed)) return Append(compressed, {}, true, out);
    }
    Append(frame.head, frame.body, false, out);
  }

  std::string Close(bool fault, std::string_view reason) override {
    std::string out;
    if (closed_) return out;
    closed_ = true;
    const CloseCode code = fault ? close_code_ : CloseCode::kGoingAway;
    AppendClose(code, reason, Mask(), out);
    return out;
  }
  bool websocket() const override { return true; }
  bool deflates() const override { return deflate_; }

 private:
  void Append(std::string_view head, std::string_view body, bool compressed, std::string& out) {
    const auto mask = Mask();
    const size_t size = head.size() + body.size();
    AppendFrameHead(Opcode::kBinary, size, mask, out, compressed);
    out.append(head).append(body);
    if (mask) MaskBytes(*mask, out.data() + out.size() - size, size);
  }
  void Closed(CloseCode code, std::string_view reason, const WireEvents& events) {
    if (!closed_) {
      std::string answer;
      AppendClose(code, {}, Mask(), answer);
      closed_ = true;
      events.answer(std::move(answer));
    }
    std::string text = "closed by the peer (" + std::to_string(static_cast<int>(code)) + ")";
    if (!reason.empty()) text.append(": ").append(reason);
    events.end(std::move(text), false);
  }
  std::optional<uint32_t> Mask() {
    if (!client_) return std::nullopt;
    thread_local std::mt19937 random{std::random_device{}()};
    return static_cast<uint32_t>(random());
  }

  const bool client_, deflate_;
  WebSocketReader reader_;
  CloseCode close_code_ = CloseCode::kProtocolError;
  bool closed_ = false;  // our Close was sent
};

}  // namespace

std::unique_ptr<Wire> TcpWire(size_t max_frame_bytes) {
  return std::make_unique<Tcp>(max_frame_bytes);
}
std::unique_ptr<Wire> WebSocketWire(size_t max_frame_bytes, bool client, bool deflate) {
  return std::make_unique<WebSocket>(max_frame_bytes, client, deflate);
}

}  // namespace postroad::rsocket
