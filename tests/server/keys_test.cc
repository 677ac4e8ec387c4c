// API keys, as the real server enforces them.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "postroad/v1/admin.grpc.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

constexpr const char* kShop = "key-of-the-shop-0001";
constexpr const char* kAdmin = "key-of-the-admin-0001";

class KeysTest : public ::testing::Test {
 protected:
  KeysTest()
      : server_({.config = std::string("[[keys]]\nname = \"shop\"\nkey = \"") + kShop +
                           "\"\npost = [\"orders/*\"]\nread = [\"stock\"]\n[[keys]]\nname = "
                           "\"admin\"\nkey = \"" +
                           kAdmin + "\"\nadminister = [\"*\"]\n"}),
        channel_(grpc::CreateChannel(server_.grpc(), grpc::InsecureChannelCredentials())) {}

  static void Show(grpc::ClientContext& context, const std::string& header,
                   const std::string& value) {
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    if (!header.empty()) context.AddMetadata(header, value);
  }
  grpc::StatusCode Post(const std::string& topic, const std::string& header,
                        const std::string& value) {
    grpc::ClientContext context;
    Show(context, header, value);
    v1::PostRequest request;
    v1::PostResponse response;
    request.add_events()->set_topic(topic);
    return v1::Postroad::NewStub(channel_)->Post(&context, request, &response).error_code();
  }
  grpc::StatusCode Read(const std::string& topic, const std::string& key) {
    grpc::ClientContext context;
    Show(context, "x-api-key", key);
    v1::ReadRequest request;
    v1::ReadResponse response;
    request.add_topics(topic);
    request.set_beginning(true);
    request.set_stop_at_end(true);
    auto stream = v1::Postroad::NewStub(channel_)->Read(&context, request);
    while (stream->Read(&response)) {
    }
    return stream->Finish().error_code();
  }
  grpc::StatusCode Stats(const std::string& key) {
    grpc::ClientContext context;
    Show(context, "x-api-key", key);
    v1::Stats stats;
    return v1::Admin::NewStub(channel_)->GetStats(&context, {}, &stats).error_code();
  }

  ServerProcess server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(KeysTest, CallersShowTheirKey) {
  ASSERT_TRUE(server_.ready());
  EXPECT_EQ(Post("orders/1", "", ""), grpc::UNAUTHENTICATED);
  EXPECT_EQ(Post("orders/1", "x-api-key", "key-of-the-shop-0002"), grpc::UNAUTHENTICATED);
  EXPECT_EQ(Post("orders/1", "x-api-key", kShop), grpc::OK);
  EXPECT_EQ(Post("orders/1", "authorization", std::string("Bearer ") + kShop), grpc::OK);
}

TEST_F(KeysTest, AndMayDoWhatItGrants) {
  ASSERT_TRUE(server_.ready());
  EXPECT_EQ(Post("stock", "x-api-key", kShop), grpc::PERMISSION_DENIED);
  EXPECT_EQ(Read("stock", kShop), grpc::OK);
  EXPECT_EQ(Read("orders/1", kShop), grpc::PERMISSION_DENIED);
  EXPECT_EQ(Stats(kShop), grpc::PERMISSION_DENIED);
  EXPECT_EQ(Stats(kAdmin), grpc::OK);
  EXPECT_EQ(Post("orders/1", "x-api-key", kAdmin), grpc::PERMISSION_DENIED);
}

TEST_F(KeysTest, HealthAndMetricsNeedNone) {
  ASSERT_TRUE(server_.ready());
  EXPECT_EQ(HttpGet(server_.http(), "/readyz").status, 200);
  EXPECT_EQ(HttpGet(server_.http(), "/metrics").status, 200);
}

}  // namespace
}  // namespace postroad::testing
