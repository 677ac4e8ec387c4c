// RSocket with TLS, by both of its ways to the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
