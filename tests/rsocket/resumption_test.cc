// RESUME over real sockets: whose sessions may be taken over, and what they count for while they
// wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsocket/rsocket_house.h"
#include "tests/rsocket/websocket_peer.h"

namespace postroad::testing {
namespace {

using rsocket::ErrorFrameCode;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kToken = "0123456789abcdef0123";

class ResumptionTest : public RSocketHouse {
 protected:
  void UseKeys() {
    const auto key = [](const char* name, const char* secret) {
      return auth::ApiKey{
          .name = name, .secret = secret, .read = {*TopicPattern::Parse("user/*", "")}};
    };
    authenticator =
        Must(auth::StaticKeys({key("alice", "alices-secret-16"), key("bob", "bobs-secret-0016")}));
    rsocket_options.min_resume_token_bytes = 16;
  }
  static rsocket::SetupFrame Setup(std::string_view token = kToken) {
    rsocket::SetupFrame setup{.keepalive_ms = 60'000,
                              .lifetime_ms = 300'000,
                              .metadata_mime = rsocket::mime::kRouting,
                              .data_mime = rsocket::mime::kJson,
                              .payload = {std::nullopt, "u"}};
    setup.resume_token = token;
    return setup;
  }
  static rsocket::ResumeFrame Resume(std::string_view token = kToken) {
    return {.token = token, .last_received_server = 0, .first_available_client = 0};
  }
  // What RESUME is answered with: "RESUME_OK", or the ERROR's text.
  static std::string Answered(const std::string& bytes) {
    const auto frame = rsocket::DecodeFrame(bytes);
    if (!frame) return "no frame";
    if (std::holds_alternative<rsocket::ResumeOkFrame>(*frame)) return "RESUME_OK";
    const auto* error = std::get_if<rsocket::ErrorFrame>(&*frame);
    if (error == nullptr || error->code != ErrorFrameCode::kRejectedResume) return "another frame";
    return std::string(error->message);
  }
  std::string ResumeByWebSocket(const std::string& headers) {
    WebSocketPeer peer(port(), headers);
    peer.Send(Resume());
    return Answered(peer.Next());
  }
  bool Suspended(double count) {
    return Eventually([&] {
      return metrics.GetGauge("postroad_rsocket_connections_open", "").Value() == 0 &&
             metrics.GetGauge("postroad_rsocket_sessions_open", "").Value() == count;
    });
  }
};

TEST_F(ResumptionTest, ASessionIsNotTakenOverWithAnotherKey) {
  UseKeys();
  Start();
  WebSocketPeer alice(port(), "Authorization: Bearer alices-secret-16\r\n");
  alice.Send(Setup());
  alice.Send(rsocket::KeepaliveFrame{.respond = true, .data = "?"});
  EXPECT_NE(alice.Next(), "");
  // Whoever else knows the token: with another key, with none, with one that there is not.
  for (const char* headers :
       {"Authorization: Bearer bobs-secret-0016\r\n", "", "X-Api-Key: nobodys-secret-16\r\n"}) {
    EXPECT_THAT(ResumeByWebSocket(headers), StartsWith("NOT_ALLOWED: ")) << headers;
  }
  RSocketPeer tcp(rsocket_port());
  tcp.Send(Resume());
  EXPECT_THAT(tcp.Must().message(), StartsWith("NOT_ALLOWED: "));
  EXPECT_EQ(Counted("postroad_rsocket_resumes_refused_total"), 4);
  // She has not noticed, and can go on herself.
  alice.Send(rsocket::KeepaliveFrame{.respond = true, .data = "?"});
  EXPECT_NE(alice.Next(), "");
  alice.Close();
  EXPECT_EQ(ResumeByWebSocket("X-Api-Key: alices-secret-16\r\n"), "RESUME_OK");
}

TEST_F(ResumptionTest, AKeyOfTheHandshakeMustBeThatOfSetup) {
  UseKeys();
  Start();
  std::string metadata;
  rsocket::AppendAuthentication(rsocket::BearerAuthentication{"alices-secret-16"}, metadata);
  rsocket::SetupFrame setup = Setup();
  setup.metadata_mime = rsocket::mime::kAuthentication;
  setup.payload.metadata = metadata;
  RSocketPeer alice(rsocket_port());
  alice.Send(setup);
  EXPECT_TRUE(Eventually(
      [this] { return metrics.GetGauge("postroad_rsocket_sessions_open", "").Value() == 1; }));
  EXPECT_THAT(ResumeByWebSocket("X-Api-Key: bobs-secret-0016\r\n"), StartsWith("NOT_ALLOWED: "));
  EXPECT_EQ(ResumeByWebSocket("X-Api-Key: alices-secret-16\r\n"), "RESUME_OK");
  // Browsers can show none: the token is what they have.
  EXPECT_EQ(ResumeByWebSocket(""), "RESUME_OK");
}

TEST_F(ResumptionTest, WhereThereAreKeysShortTokensAreRefused) {
  UseKeys();
  Start();
  WebSocketPeer alice(port(), "X-Api-Key: alices-secret-16\r\n");
  alice.Send(Setup("u"));
  EXPECT_THAT(alice.Next(), HasSubstr("needs 16 to 256 bytes that nobody can guess"));
}

TEST_F(ResumptionTest, OnlySoManySessionsWait) {
  rsocket_options.max_suspended = 2;  // one a core
  Start();
  constexpr int kSessions = 6;
  const auto token = [](int i) { return std::string(kToken) + std::to_string(i); };
  for (int i = 0; i < kSessions; ++i) {
    RSocketPeer peer(rsocket_port());
    const std::string mine = token(i);
    peer.Send(Setup(mine));
    EXPECT_THAT(peer.RequestResponse("postroad.presence", "").data(), HasSubstr("\"u\""));
    peer.Close();
    ASSERT_TRUE(Suspended(std::min(i + 1, 2))) << i;
  }
  for (int i = kSessions; i-- > 0;) {
    RSocketPeer peer(rsocket_port());
    const std::string mine = token(i);
    peer.Send(Resume(mine));
    EXPECT_EQ(peer.Must().As<rsocket::ResumeOkFrame>() != nullptr, i >= kSessions - 2) << i;
  }
}

// Sessions that wait have their places among a user's connections, or all could come back.
TEST_F(ResumptionTest, SuspendedSessionsDoNotGoAroundAUsersLimit) {
  users = {.max_connections = 2, .when_full = broker::WhenFull::kReject};
  Start();
  const auto token = [](int i) { return std::string(kToken) + std::to_string(i); };
  for (int i = 0; i < 5; ++i) {
    RSocketPeer peer(rsocket_port());
    const std::string mine = token(i);
    peer.Send(Setup(mine));
    EXPECT_THAT(peer.RequestResponse("postroad.presence", "").data(), HasSubstr("\"u\""));
    peer.Close();
    ASSERT_TRUE(Suspended(std::min(i + 1, 2))) << i;
  }
  EXPECT_EQ(Counted("postroad_users_connections_replaced_total"), 3);
  std::vector<std::unique_ptr<RSocketPeer>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<RSocketPeer>(rsocket_port()));
    const std::string mine = token(i);
    peers.back()->Send(Resume(mine));
    const auto answer = peers.back()->Must();
    EXPECT_EQ(answer.As<rsocket::ResumeOkFrame>() != nullptr, i >= 3) << i << answer.message();
    if (i < 3) EXPECT_THAT(answer.message(), StartsWith("REPLACED: ")) << i;
  }
  EXPECT_EQ(AskJson("GET", "/v1/presence?user=u").at("connections").as_array().size(), 2u);
  RSocketPeer third(rsocket_port());
  third.Setup("u");
  EXPECT_THAT(third.Must().message(), StartsWith("TOO_MANY_CONNECTIONS"));
}

}  // namespace
}  // namespace postroad::testing
