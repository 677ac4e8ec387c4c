// A whole Postroad in this process, as HttpHouse, with the RSocket gateway on a port of its own and
// on the HTTP server's.
#ifndef POSTROAD_TESTS_RSOCKET_RSOCKET_HOUSE_H_
#define POSTROAD_TESTS_RSOCKET_RSOCKET_HOUSE_H_

#include <memory>
#include <string>

#include "gateway/http/upgrade.h"
#include "gateway/rsocket/rsocket_gateway.h"
#include "server/rsocket_upgrade.h"
#include "tests/http/http_house.h"
#include "tests/rsocket/rsocket_peer.h"

namespace postroad::testing {

class RSocketHouse : public HttpHouse {
 protected:
  RSocketHouse() {
    rsocket_options.host = "127.0.0.1";
    options.upgrades["/rsocket"] = [this](gateway::Upgrade&& upgrade) {
      server::ToRSocket(rsocket->server())(std::move(upgrade));
    };
  }
  ~RSocketHouse() override { StopRSocket(); }

  // What tests change before Start.
  rsocket_gateway::RSocketOptions rsocket_options;

  void Start() {
    HttpHouse::Start();
    rsocket = Must(rsocket_gateway::RSocketGateway::Start(
        rsocket_options, options.tls, *broker, *authenticator, cores, SystemClock(), metrics));
  }
  void StopRSocket() {
    if (rsocket) rsocket->server().Stop();
    HttpHouse::Stop();
    rsocket.reset();
  }
  uint16_t rsocket_port() { return rsocket->server().port(); }
  boost::json::value AskJson(const std::string& method, const std::string& target,
                             const std::string& body = "") {
    const HttpReply reply = Ask(method, target, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.Json();
  }

  std::unique_ptr<rsocket_gateway::RSocketGateway> rsocket;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_RSOCKET_RSOCKET_HOUSE_H_
