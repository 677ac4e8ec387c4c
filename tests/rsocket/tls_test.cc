// RSocket with TLS, by both of its ways to the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fstream>
#include <future>
#include <sstream>

#include "rsocket/transport/client.h"
#include "tests/rsocket/rsocket_house.h"
#include "tests/support/identity.h"

namespace postroad::testing {
namespace {

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class TlsTest : public RSocketHouse {
 protected:
  TlsTest() {
    MakeIdentity(folder_, "server");
    const auto identity = std::make_shared<TlsIdentity>();
    identity->certificate_pem = ReadAll(folder_ / "server.pem");
    identity->key_pem = ReadAll(folder_ / "server.key");
    options.tls = [identity] { return identity; };
  }
  // What the server answers to who is connected.
  std::string AskBy(bool websocket) {
    class Answer final : public rsocket::StreamHandler {
     public:
      explicit Answer(std::promise<std::string>& told) : told_(told) {}
      void OnPayload(const rsocket::PayloadView& payload, bool) override {
        told_.set_value(std::string(payload.data));
      }
      void OnError(rsocket::ErrorFrameCode, std::string_view message) override {
        told_.set_value("ERROR " + std::string(message));
      }

     private:
      std::promise<std::string>& told_;
    };

    std::promise<std::string> told;
    rsocket::ClientOptions client{
        .setup = {.metadata_mime = std::string(rsocket::mime::kRouting), .data = "u"},
        .host = "localhost",
        .port = websocket ? port() : rsocket_port(),
        .websocket = websocket,
        .tls = rsocket::ClientTls{.ca_pem = ReadAll(folder_ / "server.pem")}};
    auto ready = [&](Result<std::shared_ptr<rsocket::Session>> session) {
      if (!session) return told.set_value(session.error().ToString());
      std::string metadata;
      rsocket::AppendRoutingTag("postroad.presence", metadata);
      const rsocket::EncodedPayload request({metadata, ""});
      const auto asked = (*session)->Request(rsocket::Interaction::kResponse, request, 0,
                                             std::make_unique<Answer>(told));
      if (!asked) told.set_value(asked.error().ToString());
    };
    const auto connected =
        rsocket::Client::Start(std::move(client), cores, 0, SystemClock(),
                               std::make_unique<rsocket::SessionHandler>(), std::move(ready));
    auto answer = told.get_future();
    EXPECT_EQ(answer.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    connected->Stop();
    return answer.get();
  }

  TempFolder folder_;
};

// A TLS client of RSocketPeer's kind: what it says goes when it is told to, however many records.
class TlsPeer {
 public:
  explicit TlsPeer(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience = {.tv_sec = 60};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
    while (SSL_do_handshake(ssl_.get()) != 1) {
      Flush();
      if (!Fill()) break;
    }
    EXPECT_EQ(SSL_is_init_finished(ssl_.get()), 1);
  }
  ~TlsPeer() { close(fd_); }
  TlsPeer(const TlsPeer&) = delete;

  // A record of its own.
  void Write(const rsocket::Frame& frame) {
    std::string bytes(3, '\0'), body;
    rsocket::EncodeFrame(frame, body);
    bytes[2] = static_cast<char>(body.size());
    bytes += body;
    EXPECT_GT(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())), 0);
  }
  // All records in one segment.
  void Flush() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out_, &bytes);
    if (size > 0) EXPECT_EQ(send(fd_, bytes, static_cast<size_t>(size), MSG_NOSIGNAL), size);
    (void)BIO_reset(out_);
  }
  // The type of the next frame; EXT at the end.
  rsocket::FrameType Next() {
    char buffer[4096];
    while (plain_.size() < 3 || plain_.size() < 3u + static_cast<unsigned char>(plain_[2])) {
      const int got = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (got > 0) {
        plain_.append(buffer, static_cast<size_t>(got));
      } else if (!Fill()) {
        return rsocket::FrameType::kExt;
      }
    }
    const std::string frame = plain_.substr(3, static_cast<unsigned char>(plain_[2]));
    plain_.erase(0, 3 + frame.size());
    return static_cast<rsocket::FrameType>(static_cast<unsigned char>(frame[4]) >> 2);
  }

 private:
  bool Fill() {
    char buffer[4096];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got > 0) BIO_write(in_, buffer, static_cast<int>(got));
    return got > 0;
  }

  const int fd_;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()),
                                                                   SSL_CTX_free};
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{SSL_new(context_.get()), SSL_free};
  BIO* const in_ = BIO_new(BIO_s_mem());
  BIO* const out_ = BIO_new(BIO_s_mem());
  std::string plain_;
};

// The connection moves to the core of its session, with all that was received.
TEST_F(TlsTest, NothingIsLostThatComesRightBehindResume) {
  Start();
  TlsPeer first(rsocket_port());
  rsocket::SetupFrame setup{.keepalive_ms = 60'000,
                            .lifetime_ms = 300'000,
                            .metadata_mime = rsocket::mime::kRouting,
                            .data_mime = rsocket::mime::kJson,
                            .payload = {std::nullopt, "u"}};
  setup.resume_token = "token";
  const rsocket::KeepaliveFrame ask{.respond = true, .data = "?"};
  first.Write(setup);
  first.Write(ask);
  first.Flush();
  ASSERT_EQ(first.Next(), rsocket::FrameType::kKeepalive);
  for (int i = 0; i < 4 * static_cast<int>(cores.size()); ++i) {
    TlsPeer peer(rsocket_port());
    peer.Write(rsocket::ResumeFrame{.token = "token"});
    for (int j = 0; j < 3; ++j) peer.Write(ask);
    peer.Flush();
    ASSERT_EQ(peer.Next(), rsocket::FrameType::kResumeOk) << i;
    for (int j = 0; j < 3; ++j) ASSERT_EQ(peer.Next(), rsocket::FrameType::kKeepalive) << i;
  }
}

TEST_F(TlsTest, ByTcp) {
  Start();
  EXPECT_THAT(AskBy(false), ::testing::HasSubstr(R"("transport":"tcp")"));
}

TEST_F(TlsTest, ByWebSocket) {
  Start();
  EXPECT_THAT(AskBy(true), ::testing::HasSubstr(R"("transport":"websocket")"));
}

}  // namespace
}  // namespace postroad::testing
