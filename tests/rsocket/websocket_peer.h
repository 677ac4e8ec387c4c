// A WebSocket client that sends any messages and bytes to the RSocket gateway, over the HTTP port.
#ifndef POSTROAD_TESTS_RSOCKET_WEBSOCKET_PEER_H_
#define POSTROAD_TESTS_RSOCKET_WEBSOCKET_PEER_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "rsocket/framing/frame.h"
#include "rsocket/transport/websocket_frame.h"
#include "tests/support/http_client.h"

namespace postroad::testing {

class WebSocketPeer {
 public:
  // `headers`: more of them, each with its line's end.
  explicit WebSocketPeer(uint16_t port, std::string_view headers = "", int receive_bytes = 0)
      : client_(port, receive_bytes) {
    client_.Send(
        "GET /rsocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
        std::string(headers) + "\r\n");
    EXPECT_EQ(client_.ReadHead().status, 101);
  }
  static std::string Masked(rsocket::Opcode opcode, std::string payload) {
    std::string bytes;
    rsocket::AppendFrameHead(opcode, payload.size(), 7, bytes);
    rsocket::MaskBytes(7, payload.data(), payload.size());
    return bytes + payload;
  }
  void Send(rsocket::Opcode opcode, std::string payload) {
    client_.Send(Masked(opcode, std::move(payload)));
  }
  void Send(const rsocket::Frame& frame) {
    std::string bytes;
    rsocket::EncodeFrame(frame, bytes);
    Send(rsocket::Opcode::kBinary, std::move(bytes));
  }
  // False once the server has closed.
  bool Raw(std::string_view bytes) { return client_.Send(bytes); }
  // The next message's payload; empty at the end.
  std::string Next() {
    const std::string head = client_.ReadBytes(2);
    if (head.size() < 2) return {};
    size_t size = static_cast<unsigned char>(head[1]);
    size_t more = 0;
    if (size >= 126) more = size == 126 ? 2 : 8;
    if (more > 0) size = 0;
    for (const char byte : client_.ReadBytes(more)) {
      size = size << 8 | static_cast<unsigned char>(byte);
    }
    return client_.ReadBytes(size);
  }
  std::string ReadToEnd() { return client_.ReadToEnd(); }
  void Close() { client_.Close(); }

 private:
  HttpClient client_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_RSOCKET_WEBSOCKET_PEER_H_
