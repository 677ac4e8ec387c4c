// An RSocket client that sends any frames and bytes over TCP, for what well-behaved ones would not
// send.
#ifndef POSTROAD_TESTS_RSOCKET_RSOCKET_PEER_H_
#define POSTROAD_TESTS_RSOCKET_RSOCKET_PEER_H_

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rsocket/framing/frame.h"
#include "rsocket/framing/metadata.h"
#include "tests/support/loopback.h"

namespace postroad::testing {

class RSocketPeer {
 public:
  using FrameType = rsocket::FrameType;

  // A frame and the bytes it views.
  struct Received {
    std::shared_ptr<const std::string> bytes;
    rsocket::Frame frame;

    template <typename T>
    const T* As() const {
      return std::get_if<T>(&frame);
    }
    // Of a PAYLOAD.
    std::string data() const {
      const auto* payload = As<rsocket::PayloadFrame>();
      EXPECT_NE(payload, nullptr) << message();
      return payload == nullptr ? "" : std::string(payload->payload.data);
    }
    boost::json::value Json() const {
      boost::json::error_code error;
      auto value = boost::json::parse(data(), error);
      EXPECT_FALSE(error) << data();
      return value;
    }
    // Of an ERROR.
    std::string message() const {
      const auto* failed = As<rsocket::ErrorFrame>();
      return failed == nullptr ? "" : std::string(failed->message);
    }
    rsocket::ErrorFrameCode code() const {
      const auto* failed = As<rsocket::ErrorFrame>();
      return failed == nullptr ? rsocket::ErrorFrameCode{} : failed->code;
    }
  };

  // As of Loopback.
  explicit RSocketPeer(uint16_t port, int receive_bytes = 0) : socket_(port, receive_bytes) {}
  void Close() { socket_.Close(); }

  // --- Out ---
  void SendBytes(std::string_view bytes) { socket_.Send(bytes); }
  // A frame, whatever is in it, behind its length.
  void SendFrameBytes(std::string_view frame) {
    std::string bytes;
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(frame.size() >> shift));
    SendBytes(bytes.append(frame));
  }
  void Send(const rsocket::Frame& frame) {
    std::string bytes;
    rsocket::EncodeFrame(frame, bytes);
    SendFrameBytes(bytes);
  }
  void Setup(std::string_view user, std::string_view metadata_mime = rsocket::mime::kRouting,
             uint32_t lifetime_ms = 300'000) {
    metadata_mime_ = metadata_mime;
    Send(rsocket::SetupFrame{.keepalive_ms = 60'000,
                             .lifetime_ms = lifetime_ms,
                             .metadata_mime = metadata_mime_,
                             .data_mime = rsocket::mime::kJson,
                             .payload = {std::nullopt, user}});
  }
  std::string Metadata(std::string_view route) const {
    std::string routing, metadata;
    rsocket::AppendRoutingTag(route, routing);
    if (metadata_mime_ != rsocket::mime::kComposite) return routing;
    rsocket::AppendComposite(rsocket::mime::kRouting, routing, metadata);
    return metadata;
  }
  // The stream it opens.
  uint32_t Ask(FrameType type, std::string_view route, std::string_view data, uint32_t n = 0) {
    const uint32_t stream = std::exchange(next_stream_, next_stream_ + 2);
    const std::string metadata = Metadata(route);
    Send(rsocket::RequestFrame{
        .stream = stream, .type = type, .initial_n = n, .payload = {metadata, data}});
    return stream;
  }
  uint32_t RequestStream(std::string_view route, std::string_view data,
                         uint32_t n = rsocket::kMaxRequestN) {
    return Ask(FrameType::kRequestStream, route, data, n);
  }
  Received RequestResponse(std::string_view route, std::string_view data) {
    Ask(FrameType::kRequestResponse, route, data);
    return Must();
  }
  void FireAndForget(std::string_view route, std::string_view data) {
    Ask(FrameType::kRequestFnf, route, data);
  }
  void Answer(uint32_t stream, std::string_view data) {
    Send(rsocket::PayloadFrame{
        .stream = stream, .complete = true, .next = true, .payload = {std::nullopt, data}});
  }

  // --- In ---
  // The next frame that is no KEEPALIVE; nothing at the end.
  std::optional<Received> Read() {
    for (;;) {
      while (pending_.size() < 3 || pending_.size() < 3 + Length()) {
        if (!Fill()) return std::nullopt;
      }
      const auto bytes = std::make_shared<const std::string>(pending_.substr(3, Length()));
      pending_.erase(0, 3 + bytes->size());
      auto frame = rsocket::DecodeFrame(*bytes);
      if (!frame) {
        ADD_FAILURE() << frame.error().message;
        return std::nullopt;
      }
      if (std::holds_alternative<rsocket::KeepaliveFrame>(*frame)) continue;
      return Received{bytes, *std::move(frame)};
    }
  }
  Received Must() {
    auto received = Read();
    EXPECT_TRUE(received) << "the connection ended";
    return received ? *std::move(received) : Received{};
  }
  // The last words: the ERROR on stream 0, whatever came before it, and the end behind it.
  std::string ReadLastError() {
    std::string message;
    while (auto received = Read()) {
      const auto* failed = received->As<rsocket::ErrorFrame>();
      if (failed != nullptr && failed->stream == 0) message = failed->message;
    }
    return message;
  }
  // A stream of lines: the next whose member is there.
  boost::json::value ReadLine(std::string_view member) {
    while (auto received = Read()) {
      auto value = received->Json();
      if (value.is_object() && value.as_object().contains(member)) return value;
    }
    ADD_FAILURE() << "no line with " << member;
    return {};
  }
  std::string ReadRaw() {
    while (Fill()) {
    }
    return std::exchange(pending_, {});
  }

 private:
  size_t Length() const {
    size_t length = 0;
    for (int i = 0; i < 3; ++i) length = length << 8 | static_cast<unsigned char>(pending_[i]);
    return length;
  }
  bool Fill() { return socket_.Receive(pending_); }

  Loopback socket_;
  uint32_t next_stream_ = 1;
  std::string metadata_mime_{rsocket::mime::kRouting};
  std::string pending_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_RSOCKET_RSOCKET_PEER_H_
