// TLS on both ports, by files that change while the server runs.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "postroad/v1/postroad.grpc.pb.h"
#include "support/identity.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  void MakeIdentity(const std::string& name) { testing::MakeIdentity(folder_, name); }
  // Puts an identity's files where the server looks.
  void Install(const std::string& certificate, const std::string& key) {
    Replace(certificate + ".pem", "server.pem");
    Replace(key + ".key", "server.key");
  }
  void Replace(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(folder_ / from, folder_ / (to + ".new"),
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(folder_ / (to + ".new"), folder_ / to);
  }
  std::vector<std::string> Flags() {
    return {"--tls.certificate_file", folder_ / "server.pem",   "--tls.key_file",
            folder_ / "server.key",   "--tls.refresh_interval", "100ms"};
  }
  // Whether a client that trusts only this identity can call.
  bool GrpcWorks(const ServerProcess& server, const std::string& trusted) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(folder_ / (trusted + ".pem"));
    const std::string port = server.grpc().substr(server.grpc().rfind(':'));
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel =
        grpc::CreateCustomChannel("localhost" + port, grpc::SslCredentials(options), arguments);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::PostRequest request;
    v1::PostResponse response;
    request.add_events()->set_topic("orders");
    return v1::Postroad::NewStub(channel)->Post(&context, request, &response).ok();
  }
  bool HttpWorks(const ServerProcess& server, const std::string& trusted) {
    const Ended got =
        RunProgram({"curl", "--silent", "--show-error", "--noproxy", "*", "--cacert",
                    folder_ / (trusted + ".pem"), "https://" + server.http() + "/healthz"});
    return got.code == 0 && got.output == "ok\n";
  }

  TempFolder folder_;
};

TEST_F(TlsTest, BothPortsSpeakTlsAndNothingElse) {
  MakeIdentity("one");
  MakeIdentity("two");
  Install("one", "one");
  ServerProcess server({.flags = Flags()});
  ASSERT_TRUE(server.ready());
  EXPECT_TRUE(GrpcWorks(server, "one"));
  EXPECT_TRUE(HttpWorks(server, "one"));
  EXPECT_FALSE(GrpcWorks(server, "two"));
  EXPECT_FALSE(HttpWorks(server, "two"));
  EXPECT_EQ(HttpGet(server.http(), "/healthz").status, 0);
}

TEST_F(TlsTest, NewFilesAreUsedAndBadOnesAreNot) {
  MakeIdentity("one");
  MakeIdentity("two");
  Install("one", "one");
  ServerProcess server({.flags = Flags()});
  ASSERT_TRUE(server.ready());
  const auto log_has = [&](const std::string& text) {
    return Eventually([&] { return server.process().Output().contains(text); });
  };
  Replace("two.key", "server.key");  // of another certificate
  ASSERT_TRUE(log_has("is not the key of the certificate"));
  EXPECT_TRUE(GrpcWorks(server, "one"));
  EXPECT_TRUE(HttpWorks(server, "one"));
  WriteFile(folder_ / "server.pem", "no certificate");
  ASSERT_TRUE(log_has("holds no certificate"));
  EXPECT_TRUE(GrpcWorks(server, "one"));
  EXPECT_TRUE(HttpWorks(server, "one"));
  Replace("two.pem", "server.pem");
  ASSERT_TRUE(log_has("new connections use them"));
  EXPECT_TRUE(GrpcWorks(server, "two"));
  EXPECT_TRUE(HttpWorks(server, "two"));
  EXPECT_FALSE(GrpcWorks(server, "one"));
}

TEST_F(TlsTest, BadFilesStopTheStart) {
  MakeIdentity("one");
  MakeIdentity("two");
  Install("one", "two");
  std::vector<std::string> command = {PostroadProgram(), "serve", "--data", folder_ / "data"};
  for (const std::string& flag : Flags()) command.push_back(flag);
  const Ended ended = RunProgram(command);
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("server.key is not the key of the certificate in"));
}

}  // namespace
}  // namespace postroad::testing
