// A whole Postroad in this process: store, journal, delivery, broker and the gRPC server on a free
// loopback port, with a channel to it.
#ifndef POSTROAD_TESTS_GRPC_TEST_SERVER_H_
#define POSTROAD_TESTS_GRPC_TEST_SERVER_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "delivery/delivery.h"
#include "gateway/grpc/grpc_server.h"
#include "journal/journal.h"
#include "postroad/v1/admin.grpc.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/rocks/rocks_store.h"

namespace postroad::testing {

struct TestServerOptions {
  journal::JournalOptions journal;
  gateway::GrpcOptions grpc;
  unsigned cores = 2;
};

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {},
                      std::unique_ptr<auth::Authenticator> authenticator = auth::AllowAll())
      : options_(std::move(options)), authenticator_(std::move(authenticator)) {
    std::string name = std::filesystem::temp_directory_path() / "postroad-grpc-XXXXXX";
    directory_ = mkdtemp(name.data());
    Start();
  }
  ~TestServer() {
    Stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  void Start() {
    cores_ = std::make_unique<CorePool>(options_.cores);
    metrics_ = std::make_unique<Metrics>();
    store_ = Must(store::OpenRocksStore({.directory = directory_ + "/data"}));
    journal_ = Must(
        journal::Journal::Open(*store_, options_.journal, SystemClock(), cores_->at(0), *metrics_));
    delivery_ =
        Must(delivery::DeliveryEngine::Open(*journal_, *store_, *cores_, SystemClock(), *metrics_));
    broker_ =
        std::make_unique<broker::Broker>(*journal_, *delivery_, *store_, SystemClock(), *metrics_);
    gateway::GrpcOptions grpc = options_.grpc;
    if (grpc.listen.empty()) grpc.listen.push_back({.address = "127.0.0.1:0"});
    server_ = Must(gateway::GrpcServer::Start(grpc, *broker_, *authenticator_, *cores_,
                                              SystemClock(), *metrics_));
  }
  void Stop() {
    if (!server_) return;
    server_->Stop(std::chrono::seconds(0));
    server_.reset();
    broker_.reset();
    delivery_->Stop();
    journal_->Stop();
    cores_->Stop();
    delivery_.reset();
    journal_.reset();
    store_.reset();
    cores_.reset();
  }

  int port() const { return server_->ports().front(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  std::shared_ptr<grpc::Channel> NewChannel(grpc::ChannelArguments arguments = {}) const {
    // Each channel has its own connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
  }

  broker::Broker& broker() { return *broker_; }
  journal::Journal& journal() { return *journal_; }
  store::Store& store() { return *store_; }
  gateway::GrpcServer& server() { return *server_; }
  Metrics& metrics() { return *metrics_; }
  const std::string& directory() const { return directory_; }

 private:
  template <typename T>
  static T Must(Result<T> result) {
    if (!result) {
      ADD_FAILURE() << result.error().ToString();
      std::abort();
    }
    return *std::move(result);
  }

  TestServerOptions options_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::string directory_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<CorePool> cores_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<delivery::DeliveryEngine> delivery_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<gateway::GrpcServer> server_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_GRPC_TEST_SERVER_H_
