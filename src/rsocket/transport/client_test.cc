// Clients over real sockets, against our own server: every way to connect, and how each fails.
#include "rsocket/transport/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

#include "rsocket/coroutine/responder.h"
#include "rsocket/transport/server.h"
#include "rsocket/transport/testing_relay.h"
#include "runtime/asio_executor.h"
#include "runtime/asio_socket.h"

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kPatience(60);  // only a failing test waits that long

std::string Pem(const std::function<void(BIO*)>& write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  write(bio);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// A certificate for "localhost" that trusts itself.
TlsIdentityPtr MakeIdentity() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* const names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(certificate, names, -1);
  X509_sign(certificate, key, EVP_sha256());
  auto identity = std::make_shared<TlsIdentity>();
  identity->certificate_pem = Pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
  identity->key_pem = Pem(
      [&](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_EXTENSION_free(names);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

class Echo final : public Responder {
 public:
  std::expected<void, Refusal> OnSetup(const Requester&, const SetupInfo& setup) override {
    if (setup.data == "refuse me") return std::unexpected(Refusal{.message = "as asked"});
    return {};
  }
  Async<Result<Payload>> RequestResponse(Payload request) override { co_return request; }
  Async<Status> RequestStream(Payload request, Outbound out) override {
    for (int i = 0; i < std::stoi(request.data); ++i) {
      if (Status sent = co_await out.Send(Payload(std::to_string(i))); !sent) co_return sent;
    }
    co_return Status{};
  }
};

// What a client's session is told.
class Told final : public Responder {
 public:
  void OnClosed(const EndReason& reason) override { closed.set_value(reason); }
  void OnResumed() override { ++resumed; }
  std::promise<EndReason> closed;
  std::atomic<int> resumed = 0;
};

class ClientTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (client_) client_->Stop();
    if (relay_) relay_->Close();
    if (acceptor_) {
      asio::post(io(), [this] { acceptor_->close(); });
    }
    if (server_) server_->Stop();
    cores_.Stop();
  }
  asio::io_context& io() { return cores_.core(0).io; }

  void Serve(ServerOptions options = {}) {
    options.host = "127.0.0.1";
    options.session.resume_window = seconds(60);
    auto server =
        Server::Start(options, cores_, SystemClock(), metrics_, [this](const PeerInfo& peer) {
          return AnswerWith(std::make_shared<Echo>(), cores_.core(peer.core).io.get_executor());
        });
    ASSERT_TRUE(server) << server.error().ToString();
    server_ = *std::move(server);
  }
  // HTTP enough to hand WebSocket connections over; gives the port.
  uint16_t ServeWebSocket() {
    acceptor_.emplace(io(), asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::co_spawn(
        io(),
        [this]() -> asio::awaitable<void> {
          while (true) {
            TcpSocket socket = co_await acceptor_->async_accept(asio::use_awaitable);
            std::string head;
            co_await asio::async_read_until(socket, asio::dynamic_buffer(head), "\r\n\r\n",
                                            asio::use_awaitable);
            server_->TakeWebSocket(Socket(std::move(socket)), Parse(head), {}, "peer", 0);
          }
        },
        [](const std::exception_ptr&) {});
    return acceptor_->local_endpoint().port();
  }
  static WebSocketRequest Parse(const std::string& head) {
    WebSocketRequest request;
    for (size_t at = head.find("\r\n") + 2; at < head.size() - 2;) {
      const size_t end = head.find("\r\n", at), colon = head.find(": ", at);
      request.headers.emplace_back(head.substr(at, colon - at),
                                   head.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    return request;
  }

  static ClientOptions To(uint16_t port, std::string host = "127.0.0.1") {
    return {.host = std::move(host), .port = port};
  }
  // Connects; gives the requester, or why there is none.
  Result<Requester> Connect(ClientOptions options) {
    std::promise<Result<Requester>> ready;
    const auto executor = io().get_executor();
    client_ = Client::Start(std::move(options), cores_, 0, SystemClock(),
                            AnswerWith(told_, executor), [&](auto session) {
                              if (session) {
                                ready.set_value(Requester(*session, executor));
                              } else {
                                ready.set_value(std::unexpected(session.error()));
                              }
                            });
    return ready.get_future().get();
  }
  // On the client's core.
  template <typename T>
  T Run(std::function<Async<T>()> work) {
    std::promise<T> done;
    asio::co_spawn(io(), std::move(work), [&](const std::exception_ptr& thrown, T result) {
      if (thrown) {
        done.set_exception(thrown);
      } else {
        done.set_value(std::move(result));
      }
    });
    return done.get_future().get();
  }
  Result<Payload> Ask(const Requester& requester, const std::string& what) {
    return Run<Result<Payload>>([&]() -> Async<Result<Payload>> {
      co_return co_await requester.RequestResponse(Payload(what));
    });
  }
  void ExpectEcho(Result<Requester> requester) {
    ASSERT_TRUE(requester) << requester.error().ToString();
    EXPECT_EQ(Ask(*requester, "ping"), Payload("ping"));
    const std::string large(1 << 20, 'x');
    EXPECT_EQ(Ask(*requester, large), Payload(large));
  }
  std::string WhyNot(ClientOptions options) {
    const auto requester = Connect(std::move(options));
    return requester ? "it connected" : requester.error().ToString();
  }

  CorePool cores_{2};
  Metrics metrics_;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
  std::unique_ptr<Server> server_;
  std::unique_ptr<testing::Relay> relay_;
  std::optional<asio::ip::tcp::acceptor> acceptor_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, ByTcp) {
  Serve();
  ExpectEcho(Connect(To(server_->port())));
}

TEST_F(ClientTest, ByTls) {
  const TlsIdentityPtr identity = MakeIdentity();
  Serve({.tls = [&] { return identity; }});
  ClientOptions options = To(server_->port(), "localhost");
  options.tls = ClientTls{.ca_pem = identity->certificate_pem};
  ExpectEcho(Connect(options));
}

TEST_F(ClientTest, ByTlsOnlyToWhomItTrusts) {
  const TlsIdentityPtr identity = MakeIdentity();
  Serve({.tls = [&] { return identity; }});
  ClientOptions options = To(server_->port(), "localhost");
  options.tls = ClientTls{.ca_pem = MakeIdentity()->certificate_pem};
  EXPECT_THAT(WhyNot(options), HasSubstr("certificate verify failed"));
  options.tls = ClientTls{.ca_pem = identity->certificate_pem, .server_name = "other"};
  EXPECT_THAT(WhyNot(options), HasSubstr("certificate verify failed"));
  options.tls = ClientTls{.ca_pem = "nonsense"};
  EXPECT_THAT(WhyNot(options), HasSubstr("INVALID_ARGUMENT: tls.ca_pem"));
}

TEST_F(ClientTest, ByWebSocket) {
  Serve();
  ClientOptions options = To(ServeWebSocket());
  options.websocket = true;
  ExpectEcho(Connect(options));
}

TEST_F(ClientTest, ByWebSocketWithCompression) {
  Serve({.deflate = true});
  ClientOptions options = To(ServeWebSocket());
  options.websocket = options.deflate = true;
  ExpectEcho(Connect(options));
}

TEST_F(ClientTest, ByWebSocketWithoutCompressionWhereTheServerHasNone) {
  Serve();
  ClientOptions options = To(ServeWebSocket());
  options.websocket = options.deflate = true;
  ExpectEcho(Connect(options));
}

TEST_F(ClientTest, ARefusedHandshakeSaysWhatWasAnswered) {
  Serve({.origins = {"https://app.example"}});
  ClientOptions options = To(ServeWebSocket());
  options.websocket = true;
  options.headers = {{"Origin", "https://other.example"}};
  EXPECT_THAT(WhyNot(options), HasSubstr("it answered 403 Forbidden"));
  options.headers = {{"Origin", "https://app.example"}};
  ExpectEcho(Connect(options));
}

TEST_F(ClientTest, NoServerIsUnavailable) {
  asio::ip::tcp::acceptor closed(io(), {asio::ip::address_v4::loopback(), 0});
  const uint16_t port = closed.local_endpoint().port();
  closed.close();
  EXPECT_THAT(WhyNot(To(port)), HasSubstr("UNAVAILABLE: cannot reach 127.0.0.1:"));
}

TEST_F(ClientTest, AServerThatSaysNothingIsGivenUp) {
  asio::ip::tcp::acceptor silent(io(), {asio::ip::address_v4::loopback(), 0});
  ClientOptions options = To(silent.local_endpoint().port());
  options.websocket = true;
  options.connect_timeout = milliseconds(50);
  EXPECT_THAT(WhyNot(options), HasSubstr("within 50ms"));
  // And a client that still waits can be stopped.
  options.connect_timeout = std::chrono::hours(1);
  std::promise<std::string> why;
  client_ = Client::Start(
      options, cores_, 0, SystemClock(), AnswerWith(told_, io().get_executor()),
      [&](auto session) { why.set_value(session ? "it connected" : session.error().message); });
  client_->Stop();
  EXPECT_EQ(why.get_future().get(), "the client was stopped");
}

TEST_F(ClientTest, ARefusedSetupIsTold) {
  Serve();
  ClientOptions options = To(server_->port());
  options.setup.data = "refuse me";
  ASSERT_TRUE(Connect(options));
  auto closed = told_->closed.get_future();
  ASSERT_EQ(closed.wait_for(kPatience), std::future_status::ready);
  const EndReason reason = closed.get();
  EXPECT_EQ(reason.code, ErrorFrameCode::kRejectedSetup);
  EXPECT_EQ(reason.message, "as asked");
}

TEST_F(ClientTest, CloseIsOrderlyAndEndsRequests) {
  Serve();
  const auto requester = Connect(To(server_->port()));
  ASSERT_TRUE(requester);
  EXPECT_EQ(Ask(*requester, "a"), Payload("a"));
  client_->Close("that was all");
  auto closed = told_->closed.get_future();
  ASSERT_EQ(closed.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(closed.get().message, "that was all");
  EXPECT_EQ(Ask(*requester, "b").error().code, ErrorCode::kUnavailable);
}

TEST_F(ClientTest, ALostConnectionIsResumedWithoutLossOrDuplicates) {
  Serve();
  relay_ = std::make_unique<testing::Relay>(cores_.core(1).io, server_->port());
  ClientOptions options = To(relay_->port());
  options.session.resume_window = seconds(60);
  options.setup.resume_token = "token";
  options.resume_wait = milliseconds(1);
  const auto requester = Connect(options);
  ASSERT_TRUE(requester);
  const int came = Run<int>([&]() -> Async<int> {
    Inbound in = *requester->RequestStream(Payload("2000"), 16);
    int next = 0;
    for (auto payload = co_await in.Next(); payload && payload->has_value();
         payload = co_await in.Next()) {
      EXPECT_EQ((*payload)->data, std::to_string(next));
      if (++next % 500 == 250) relay_->Cut();
    }
    co_return next;
  });
  EXPECT_EQ(came, 2000);
  EXPECT_GE(told_->resumed, 2);
}

TEST_F(ClientTest, WhatIsNotResumedInTimeEnds) {
  Serve();
  relay_ = std::make_unique<testing::Relay>(cores_.core(1).io, server_->port());
  ClientOptions options = To(relay_->port());
  options.session.resume_window = milliseconds(50);
  options.setup.resume_token = "token";
  options.resume_wait = milliseconds(10);
  const auto requester = Connect(options);
  ASSERT_TRUE(requester);
  EXPECT_EQ(Ask(*requester, "a"), Payload("a"));
  relay_->Close();
  auto closed = told_->closed.get_future();
  ASSERT_EQ(closed.wait_for(kPatience), std::future_status::ready);
  EXPECT_THAT(closed.get().message, HasSubstr("not resumed within 50ms"));
}

}  // namespace
}  // namespace postroad::rsocket
