// What peers may cost, over real sockets: those that never read, that flood, that are half open,
// and those that are there when the server goes down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsocket/rsocket_house.h"
#include "tests/rsocket/websocket_peer.h"

namespace postroad::testing {
namespace {

using rsocket::ErrorFrameCode;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BoundsTest : public RSocketHouse {
 protected:
  std::string Event(size_t bytes) {
    return R"({"topic":"user/u","payload":")" + std::string(bytes, 'x') + "\"}";
  }
};

TEST_F(BoundsTest, APeerThatNeverReadsCostsItsCapAndIsClosedWithAReason) {
  rsocket_options.max_queued_bytes = 256 << 10;
  rsocket_options.write_timeout = std::chrono::milliseconds(200);
  Start();
  RSocketPeer peer(rsocket_port(), 4 << 10), reads(rsocket_port());
  peer.Setup("u");
  peer.RequestStream("notifications.stream", "");
  reads.Setup("u");
  reads.RequestStream("notifications.stream", R"({"format":"json"})");
  reads.ReadLine("caught_up");
  constexpr int kEvents = 400;
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_EQ(Ask("POST", "/v1/events", Event(32 << 10)).status, 200);
    reads.ReadLine("payload");
  }
  EXPECT_TRUE(Eventually([this] {
    return AskJson("GET", "/v1/presence?user=u").at("connections").as_array().size() == 1;
  }));
  EXPECT_EQ(Counted("postroad_rsocket_sessions_ended_total",
                    {{"by", "server"}, {"code", "CONNECTION_ERROR"}}),
            1);
  // Far less was made ready for it than was posted: what the system's buffers took, and an eighth
  // of its cap.
  EXPECT_LT(Counted("postroad_rsocket_delivered_bytes_total"), (kEvents + 300) * (33 << 10));
}

TEST_F(BoundsTest, AFloodOfRequestsWhoseAnswersAreNotReadIsEnded) {
  rsocket_options.max_queued_bytes = 64 << 10;
  rsocket_options.write_timeout = std::chrono::milliseconds(200);
  Start();
  RSocketPeer peer(rsocket_port(), 4 << 10);
  peer.Setup("u");
  // Answers of about 150 bytes; when no more are read, no more requests are.
  for (int i = 0; i < 200'000; ++i) {
    peer.Ask(rsocket::FrameType::kRequestResponse, "postroad.presence", "");
  }
  EXPECT_TRUE(Eventually(
      [this] { return metrics.GetGauge("postroad_users_connections_open", "").Value() == 0; }));
}

// What it is sent is bounded by what the network holds: it is not read from while its pongs wait.
TEST_F(BoundsTest, APeerThatPingsAndDoesNotReadIsNotReadEither) {
  rsocket_options.write_timeout = std::chrono::seconds(2);
  Start();
  WebSocketPeer peer(port(), "", 4 << 10);
  peer.Send(rsocket::SetupFrame{.keepalive_ms = 60'000,
                                .lifetime_ms = 300'000,
                                .metadata_mime = rsocket::mime::kRouting,
                                .data_mime = rsocket::mime::kJson,
                                .payload = {std::nullopt, "u"}});
  std::string pings;
  for (int i = 0; i < 500; ++i) {
    pings += WebSocketPeer::Masked(rsocket::Opcode::kPing, std::string(125, 'p'));
  }
  constexpr size_t kMost = 64 << 20;  // far more than the system's buffers
  size_t sent = 0;
  while (sent < kMost && peer.Raw(pings)) sent += pings.size();
  EXPECT_LT(sent, kMost);
  EXPECT_TRUE(Eventually(
      [this] { return metrics.GetGauge("postroad_users_connections_open", "").Value() == 0; }));
}

TEST_F(BoundsTest, UnfinishedMessagesOfAllConnectionsAreLimitedTogether) {
  rsocket_options.max_incomplete_bytes = 1 << 20;
  Start();
  const std::string part(15 << 10, 'x');
  const auto send = [&](RSocketPeer& peer, uint32_t stream) {  // 300 KiB
    const rsocket::PayloadView payload{std::nullopt, part};
    peer.Send(rsocket::RequestFrame{.stream = stream, .follows = true, .payload = payload});
    for (int i = 1; i < 20; ++i) {
      peer.Send(rsocket::PayloadFrame{
          .stream = stream, .follows = true, .next = true, .payload = payload});
    }
  };
  std::vector<std::unique_ptr<RSocketPeer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<RSocketPeer>(rsocket_port()));
    peers.back()->Setup("u");
    send(*peers.back(), 101);
    if (i < 3) EXPECT_THAT(peers.back()->RequestResponse("postroad.presence", "").message(), "");
  }
  RSocketPeer& last = *peers.back();
  const auto told = last.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kRejected);
  EXPECT_THAT(told.message(), StartsWith("OVERLOADED: "));
  EXPECT_EQ(Counted("postroad_rsocket_incomplete_refused_total"), 1);
  // The others' room is free once they have gone.
  peers.erase(peers.begin(), peers.begin() + 3);
  EXPECT_TRUE(Eventually(
      [this] { return metrics.GetGauge("postroad_users_connections_open", "").Value() == 1; }));
  send(last, 103);
  EXPECT_THAT(last.RequestResponse("postroad.presence", "").message(), "");
}

TEST_F(BoundsTest, AConnectionTooManyByWebSocketIsToldSo) {
  rsocket_options.max_connections = 1;
  Start();
  RSocketPeer first(rsocket_port());
  first.Setup("u");
  first.RequestResponse("postroad.presence", "");
  const HttpReply reply =
      Ask("GET", "/rsocket", "",
          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n");
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, StartsWith("TOO_MANY_CONNECTIONS: "));
}

TEST_F(BoundsTest, TooManyStreamsAreRejected) {
  rsocket_options.max_streams = 3;
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  for (int i = 0; i < 4; ++i) peer.RequestStream("notifications.stream", "");
  const auto told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kRejected);
  EXPECT_EQ(told.As<rsocket::ErrorFrame>()->stream, 7u);
}

TEST_F(BoundsTest, AHalfOpenPeerIsClosedAfterItsLifetime) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u", rsocket::mime::kRouting, /*lifetime_ms=*/100);
  const auto told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kConnectionError);
  EXPECT_THAT(told.message(), HasSubstr("nothing came for"));
  EXPECT_FALSE(peer.Read());
  EXPECT_TRUE(Eventually(
      [this] { return metrics.GetGauge("postroad_users_connections_open", "").Value() == 0; }));
}

TEST_F(BoundsTest, QuestionsToOneConnectionAreLimited) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.RequestResponse("postroad.presence", "");
  std::vector<std::unique_ptr<HttpClient>> askers;
  for (size_t i = 0; i <= broker::kMaxOpenQuestions; ++i) {
    askers.push_back(std::make_unique<HttpClient>(port()));
    askers.back()->Send(
        "POST /v1/questions?user=u&timeout=60s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n?");
    if (i < broker::kMaxOpenQuestions) peer.Must();
  }
  const auto answers = askers.back()->Read().Json().at("answers").as_array();
  EXPECT_EQ(answers.at(0).at("state"), "failed");
  // Who asked and left is not waited for: its question is withdrawn.
  askers.front()->Close();
  EXPECT_NE(peer.Must().As<rsocket::CancelFrame>(), nullptr);
}

TEST_F(BoundsTest, ADrainRefusesRequestsAndThenSaysThatItCloses) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.RequestStream("notifications.stream", R"({"format":"json"})");
  peer.ReadLine("caught_up");
  broker->Drain();
  auto told = peer.Must();  // its stream
  EXPECT_EQ(told.code(), ErrorFrameCode::kRejected);
  EXPECT_THAT(told.message(), StartsWith("DRAINING"));
  peer.RequestStream("notifications.stream", "");
  told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kRejected);
  EXPECT_THAT(told.message(), StartsWith("DRAINING"));
  EXPECT_THAT(peer.RequestResponse("postroad.post", R"({"topic":"t"})").message(),
              StartsWith("DRAINING"));
  rsocket->server().Drain("the server is going down");
  told = peer.Must();
  EXPECT_EQ(told.code(), ErrorFrameCode::kConnectionClose);
  EXPECT_FALSE(peer.Read());
}

}  // namespace
}  // namespace postroad::testing
