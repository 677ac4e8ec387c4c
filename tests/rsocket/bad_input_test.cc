// What no well-behaved client sends, over real sockets: each is answered with what is wrong, or
// left out and counted, and nobody else notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsocket/rsocket_house.h"
#include "tests/rsocket/websocket_peer.h"

namespace postroad::testing {
namespace {

using rsocket::ErrorFrameCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::literals;  // NOLINT: frames have zero bytes

class BadInputTest : public RSocketHouse {
 protected:
  void Start() {
    RSocketHouse::Start();
    bystander_ = std::make_unique<RSocketPeer>(rsocket_port());
    bystander_->Setup("bystander");
  }
  void TearDown() override {
    // Whatever was done to the server, it serves others.
    EXPECT_THAT(bystander_->RequestResponse("postroad.presence", "").data(),
                HasSubstr("\"bystander\""));
    bystander_->Close();
    bystander_.reset();
  }
  // The last ERROR's text of a connection that sent this behind its SETUP, frame by frame.
  std::string EndOf(const std::vector<std::string>& frames) {
    RSocketPeer peer(rsocket_port());
    peer.Setup("u");
    for (const std::string& frame : frames) peer.SendFrameBytes(frame);
    return peer.ReadLastError();
  }
  static std::string Bytes(const rsocket::Frame& frame) {
    std::string bytes;
    rsocket::EncodeFrame(frame, bytes);
    return bytes;
  }

  std::unique_ptr<RSocketPeer> bystander_;
};

TEST_F(BadInputTest, GarbageInsteadOfSetup) {
  Start();
  RSocketPeer http(rsocket_port());
  http.SendBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n");  // a length of 4.7 MB
  EXPECT_THAT(http.ReadRaw(), HasSubstr("a frame of 4670804 bytes; at most 1048576 are taken"));
  RSocketPeer garbage(rsocket_port());
  garbage.SendFrameBytes("\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad");
  const auto told = garbage.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kInvalidSetup);
  EXPECT_NE(told.message(), "");
  EXPECT_FALSE(garbage.Read());
}

TEST_F(BadInputTest, SetupNever) {
  rsocket_options.setup_timeout = std::chrono::milliseconds(50);
  Start();
  RSocketPeer peer(rsocket_port());
  const auto told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kInvalidSetup);
  EXPECT_FALSE(peer.Read());
}

TEST_F(BadInputTest, SetupTwiceIsLeftOutAndCounted) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.Setup("another");
  EXPECT_THAT(peer.RequestResponse("postroad.presence", "").data(), HasSubstr("\"u\""));
  EXPECT_EQ(Counted("postroad_rsocket_ignored_total"), 1);
}

TEST_F(BadInputTest, SetupWithoutAUser) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("  ");
  const auto told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kRejectedSetup);
  EXPECT_THAT(told.message(), StartsWith("NO_USER"));
}

TEST_F(BadInputTest, TruncatedFrames) {
  Start();
  EXPECT_THAT(EndOf({"\x00\x00\x00\x01"s}), HasSubstr("byte 4: "));
  // A REQUEST_STREAM without its request-N.
  EXPECT_THAT(EndOf({"\x00\x00\x00\x01\x18\x00"s}), HasSubstr("byte 6: "));
  // A frame that never becomes whole costs what came of it, and goes with its connection.
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.SendBytes("\x00\x00\x40\x00\x00"s);
  peer.Close();
}

TEST_F(BadInputTest, OversizeFrames) {
  rsocket_options.max_frame_bytes = 1 << 10;
  Start();
  EXPECT_THAT(EndOf({std::string(1'025, 'x')}), HasSubstr("1024"));
}

TEST_F(BadInputTest, StreamIdsOfTheWrongSide) {
  Start();
  const rsocket::RequestFrame request{.stream = 2};
  EXPECT_THAT(EndOf({Bytes(request)}), HasSubstr("2"));
}

TEST_F(BadInputTest, ZeroCredits) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  const uint32_t stream = peer.RequestStream("notifications.stream", "", 0);
  const auto told = peer.Must();
  EXPECT_EQ(told.As<rsocket::ErrorFrame>()->stream, stream);
  EXPECT_EQ(told.code(), ErrorFrameCode::kInvalid);
}

TEST_F(BadInputTest, EndlessFragments) {
  rsocket_options.max_payload_bytes = 64 << 10;
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.Send(rsocket::RequestFrame{.stream = 1, .follows = true});
  const std::string some(16 << 10, 'x');
  for (int i = 0; i < 5; ++i) {
    peer.Send(rsocket::PayloadFrame{
        .stream = 1, .follows = true, .next = true, .payload = {std::nullopt, some}});
  }
  const auto told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kInvalid);
  EXPECT_THAT(told.message(), HasSubstr("65536"));
}

TEST_F(BadInputTest, MetadataWithWrongLengthsNamesOffsetAndCause) {
  Start();
  // The route without its length byte, as many clients send it at first.
  RSocketPeer routing(rsocket_port());
  routing.Setup("u");
  const std::string_view bare = "notifications.stream";
  routing.Send(rsocket::RequestFrame{.stream = 1,
                                     .type = rsocket::FrameType::kRequestStream,
                                     .initial_n = 1,
                                     .payload = {bare, ""}});
  auto told = routing.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kInvalid);
  EXPECT_THAT(told.message(), AllOf(StartsWith("BAD_METADATA"), HasSubstr("byte 0: "),
                                    HasSubstr("was sent without its length byte")));
  RSocketPeer composite(rsocket_port());
  composite.Setup("u", rsocket::mime::kComposite);
  const std::string_view cut = "\xfe\x00\x00\x99\x01x"sv;
  composite.Send(rsocket::RequestFrame{.stream = 1, .payload = {cut, ""}});
  told = composite.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kInvalid);
  EXPECT_THAT(told.message(), AllOf(StartsWith("BAD_METADATA"), HasSubstr("byte 1: ")));
  // A metadata length beyond the frame's end makes the frame no frame.
  EXPECT_THAT(EndOf({"\x00\x00\x00\x01\x11\x00\x00\x00\x99x"s}), HasSubstr("byte 6: "));
}

// No metadata is no malformed metadata, whatever its type would be.
TEST_F(BadInputTest, ARequestWithoutMetadataIsToTheEmptyRoute) {
  Start();
  for (const std::string_view mime :
       {rsocket::mime::kAuthentication, rsocket::mime::kRouting, rsocket::mime::kComposite}) {
    RSocketPeer peer(rsocket_port());
    peer.Setup("u", mime);
    peer.Send(rsocket::RequestFrame{.stream = 1,
                                    .type = rsocket::FrameType::kRequestStream,
                                    .initial_n = 9,
                                    .payload = {std::nullopt, R"({"format":"json"})"}});
    peer.ReadLine("opened");
    peer.Send(rsocket::RequestFrame{.stream = 3, .type = rsocket::FrameType::kRequestFnf});
  }
  EXPECT_TRUE(Eventually([this] { return Counted("postroad_rsocket_ignored_total") == 3; }));
}

TEST_F(BadInputTest, UnknownMimeTypes) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u", "application/x-nobody-knows");
  // Metadata of it is not looked at: the empty route.
  peer.Send(rsocket::RequestFrame{.stream = 1,
                                  .type = rsocket::FrameType::kRequestStream,
                                  .initial_n = 9,
                                  .payload = {"anything", R"({"format":"json"})"}});
  peer.ReadLine("opened");
  Post("user/u", R"({"payload":1})");
  EXPECT_EQ(peer.ReadLine("payload").at("payload").as_int64(), 1);
}

TEST_F(BadInputTest, UnknownRoutes) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  EXPECT_THAT(peer.RequestResponse("no.such", "").message(),
              AllOf(StartsWith("NO_ROUTE"), HasSubstr("notifications.stream")));
  EXPECT_THAT(peer.RequestResponse("notifications.stream", "").message(),
              HasSubstr("is for request-stream"));
}

TEST_F(BadInputTest, KeepaliveFloods) {
  Start();
  EXPECT_THAT(EndOf(std::vector<std::string>(
                  200, Bytes(rsocket::KeepaliveFrame{.respond = true, .data = "ping"}))),
              HasSubstr("KEEPALIVE"));
}

TEST_F(BadInputTest, UnknownFrames) {
  Start();
  std::string unknown;
  rsocket::AppendHeader(0, static_cast<rsocket::FrameType>(0x2a), 0, unknown);
  EXPECT_NE(EndOf({unknown}), "");
}

// --- WebSocket ---

TEST_F(BadInputTest, AWebSocketTextFrame) {
  Start();
  WebSocketPeer peer(port());
  peer.Send(rsocket::Opcode::kText, "hello");
  EXPECT_THAT(peer.ReadToEnd(), HasSubstr("\x03\xeb"s + "a WebSocket text message came"));
}

TEST_F(BadInputTest, AWebSocketFrameWithoutMask) {
  Start();
  WebSocketPeer peer(port());
  peer.Raw("\x82\x05hello");
  EXPECT_THAT(peer.ReadToEnd(), HasSubstr("\x03\xea"s));
}

TEST_F(BadInputTest, AnOversizeWebSocketMessage) {
  rsocket_options.max_frame_bytes = 1 << 10;
  Start();
  WebSocketPeer peer(port());
  peer.Send(rsocket::Opcode::kBinary, std::string(2'000, 'x'));
  EXPECT_THAT(peer.ReadToEnd(), HasSubstr("\x03\xf1"s));
}

TEST_F(BadInputTest, WhyItEndedIsTheCloseReasonToo) {
  Start();
  WebSocketPeer peer(port());
  peer.Send(rsocket::Opcode::kBinary,
            Bytes(rsocket::SetupFrame{.keepalive_ms = 1, .lifetime_ms = 0}));
  const std::string all = peer.ReadToEnd();
  const size_t first = all.find("lifetime");
  ASSERT_NE(first, std::string::npos);
  EXPECT_NE(all.find("lifetime", first + 8), std::string::npos) << all;  // ERROR, then Close
}

TEST_F(BadInputTest, AClientThatClosesItselfBehindItsSetupIsExplainedInTheLog) {
  Start();
  ::testing::internal::CaptureStderr();
  WebSocketPeer peer(port());
  peer.Send(rsocket::Opcode::kBinary,
            Bytes(rsocket::SetupFrame{.keepalive_ms = 60'000,
                                      .lifetime_ms = 60'000,
                                      .metadata_mime = rsocket::mime::kComposite,
                                      .payload = {std::nullopt, "u"}}));
  peer.Send(rsocket::Opcode::kClose, "");
  peer.ReadToEnd();
  EXPECT_TRUE(Eventually(
      [this] { return metrics.GetGauge("postroad_rsocket_sessions_open", "").Value() == 1; }));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("BufferEncoders"));
}

TEST_F(BadInputTest, AWebSocketPageOfAnotherOrigin) {
  Start();
  const HttpReply reply =
      Ask("GET", "/rsocket", "",
          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://evil.example\r\n");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.body, AllOf(StartsWith("ORIGIN_NOT_ALLOWED: "),
                                HasSubstr("https://evil.example"), HasSubstr("rsocket.origins")));
}

TEST_F(BadInputTest, AWebSocketHandshakeThatIsNoneSaysWhy) {
  Start();
  const std::string upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const HttpReply old = Ask("GET", "/rsocket", "", upgrade + "Sec-WebSocket-Version: 8\r\n");
  EXPECT_EQ(old.status, 426);
  EXPECT_THAT(old.body, StartsWith("WEBSOCKET_VERSION: "));
  const HttpReply keyless = Ask("GET", "/rsocket", "", upgrade + "Sec-WebSocket-Version: 13\r\n");
  EXPECT_EQ(keyless.status, 400);
  EXPECT_THAT(keyless.body, StartsWith("WEBSOCKET_KEY: "));
}

}  // namespace
}  // namespace postroad::testing
