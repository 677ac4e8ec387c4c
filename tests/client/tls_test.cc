// TLS: the real server's certificate is checked, and a server that asks who calls is shown the
// client's.
#include <grpcpp/grpcpp.h>

#include "client/fixture.h"
#include "postroad/v1/postroad.grpc.pb.h"
#include "support/identity.h"

namespace postroad::testing {
namespace {

class ClientTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"server", "client", "stranger"}) MakeIdentity(folder_, name);
  }
  std::string Pem(const std::string& name) { return folder_ / (name + ".pem"); }
  std::string Key(const std::string& name) { return folder_ / (name + ".key"); }

  // One post, without another attempt.
  Result<PostResult> PostOver(const std::string& address, const TlsOptions& tls) {
    ClientOptions options{.addresses = {address}, .tls = tls};
    auto client = Client::Create(std::move(options));
    EXPECT_TRUE(client) << client.error().ToString();
    auto publisher = Publisher::Create(*client, {.timeout = seconds(2)});
    EXPECT_TRUE(publisher);
    return (*publisher)->Post({.topic = "orders", .payload = "x"});
  }

  TempFolder folder_;
};

TEST_F(ClientTlsTest, TrustsTheServersCertificateOrDoesNotTalk) {
  ServerProcess server(
      {.flags = {"--tls.certificate_file", Pem("server"), "--tls.key_file", Key("server")}});
  ASSERT_TRUE(server.ready());
  const auto trusted = PostOver(server.grpc(), {.enabled = true, .ca_file = Pem("server")});
  ASSERT_TRUE(trusted) << trusted.error().ToString();
  EXPECT_EQ(trusted->offset, Offset(0));
  EXPECT_FALSE(PostOver(server.grpc(), {.enabled = true, .ca_file = Pem("stranger")}));
  EXPECT_FALSE(PostOver(server.grpc(), {}));
  EXPECT_FALSE(PostOver(server.grpc(),
                        {.enabled = true, .ca_file = Pem("server"), .server_name = "example.org"}));
}

// Answers posts, to those whose certificate it knows, and notes whose that was.
class AskingServer final : public v1::Postroad::Service {
 public:
  AskingServer(const std::string& certificate, const std::string& key, const std::string& known) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = ReadFile(known);
    options.pem_key_cert_pairs.push_back({ReadFile(key), ReadFile(certificate)});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~AskingServer() override { server_->Shutdown(std::chrono::system_clock::now()); }
  const std::string& address() const { return address_; }
  std::vector<std::string> callers() const {
    std::lock_guard lock(mutex_);
    return callers_;
  }

 private:
  using Posts = grpc::ServerReaderWriter<v1::PostResponse, v1::PostRequest>;
  grpc::Status PostStream(grpc::ServerContext* context, Posts* stream) override {
    v1::PostRequest request;
    while (stream->Read(&request)) {
      const auto names = context->auth_context()->FindPropertyValues("x509_common_name");
      {
        std::lock_guard lock(mutex_);
        for (const auto& name : names) callers_.emplace_back(name.data(), name.size());
      }
      v1::PostResponse response;
      for (int i = 0; i < request.events_size(); ++i) response.add_results();
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> callers_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(ClientTlsTest, ShowsItsCertificateToAServerThatAsks) {
  AskingServer server(Pem("server"), Key("server"), Pem("client"));
  TlsOptions tls{.enabled = true, .ca_file = Pem("server")};
  EXPECT_FALSE(PostOver(server.address(), tls)) << "without one";
  tls.certificate_file = Pem("stranger");
  tls.key_file = Key("stranger");
  EXPECT_FALSE(PostOver(server.address(), tls)) << "one that the server does not know";
  EXPECT_TRUE(server.callers().empty());
  tls.certificate_file = Pem("client");
  tls.key_file = Key("client");
  const auto posted = PostOver(server.address(), tls);
  ASSERT_TRUE(posted) << posted.error().ToString();
  EXPECT_EQ(server.callers(), (std::vector<std::string>{"client"}));
}

}  // namespace
}  // namespace postroad::testing
