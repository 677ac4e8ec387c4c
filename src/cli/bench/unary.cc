#include "cli/bench/unary.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>

#include "cli/bench/bare.h"
#include "cli/bench/server_process.h"
#include "postroad/v1/admin.grpc.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"

namespace postroad::cli::bench {
namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

// Shared by the chains of calls: each begins its next call when one ends.
struct Load {
  explicit Load(Duration length) : end(std::chrono::steady_clock::now() + length) {}
  const MonotonicTime end;
  std::atomic<uint64_t> calls = 0;
  std::latch done{kUnderWay};
  std::mutex mutex;
  grpc::Status failure;

  // False when the chain is to end.
  bool Count(const grpc::Status& status) {
    if (!status.ok()) {
      const std::lock_guard lock(mutex);
      failure = status;
      return false;
    }
    ++calls;
    return std::chrono::steady_clock::now() < end;
  }
};

// One chain. `start` begins a call that ends in the function it is given.
template <typename Request, typename Response>
class Chain {
 public:
  using Start = std::function<void(grpc::ClientContext*, const Request*, Response*,
                                   std::function<void(grpc::Status)>)>;
  Chain(Load& load, Request request, std::string api_key, Start start)
      : load_(load),
        request_(std::move(request)),
        api_key_(std::move(api_key)),
        start_(std::move(start)) {}

  void Next() {
    context_ = std::make_unique<grpc::ClientContext>();
    if (!api_key_.empty()) context_->AddMetadata("authorization", "Bearer " + api_key_);
    start_(context_.get(), &request_, &response_, [this](const grpc::Status& status) {
      if (load_.Count(status))
        Next();
      else
        load_.done.count_down();
    });
  }

 private:
  Load& load_;
  const Request request_;
  const std::string api_key_;
  const Start start_;
  std::unique_ptr<grpc::ClientContext> context_;
  Response response_;
};

template <typename Request, typename Response>
Result<double> RunChains(Duration length, const Request& request, const std::string& api_key,
                         const typename Chain<Request, Response>::Start& start) {
  Load load(length);
  const MonotonicTime began = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Chain<Request, Response>>> chains;
  for (int i = 0; i < kUnderWay; ++i) {
    chains.push_back(std::make_unique<Chain<Request, Response>>(load, request, api_key, start));
  }
  for (auto& chain : chains) chain->Next();
  load.done.wait();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (!load.failure.ok()) return Fail(ErrorCode::kUnavailable, load.failure.error_message());
  return static_cast<double>(load.calls) / took.count();
}

class EmptyService final : public v1::Admin::CallbackService {
  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const v1::GetStatsRequest*, v1::Stats*) override {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

Result<double> UnaryPosts(const std::string& address, const std::string& api_key, Duration length) {
  const auto stub = v1::Postroad::NewStub(ChannelTo(address));
  v1::PostRequest request;
  v1::Event* event = request.add_events();
  event->set_topic("bench/unary");
  event->set_payload(std::string(kPayloadBytes, 'x'));
  return RunChains<v1::PostRequest, v1::PostResponse>(
      length, request, api_key, [&](auto* context, auto* in, auto* out, auto done) {
        stub->async()->Post(context, in, out, std::move(done));
      });
}

Result<double> BareUnary(Duration length) {
  ServerProcess server;
  POSTROAD_TRY(server.Start({"bench", "--bare-server"}));
  const auto stub = v1::Admin::NewStub(ChannelTo(server.address()));
  return RunChains<v1::GetStatsRequest, v1::Stats>(
      length, {}, "", [&](auto* context, auto* in, auto* out, auto done) {
        stub->async()->GetStats(context, in, out, std::move(done));
      });
}

Status ServeBareUnary() {
  EmptyService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server) return Fail(ErrorCode::kUnavailable, "cannot listen on 127.0.0.1");
  std::printf("  grpc  127.0.0.1:%d\n", port);
  std::fflush(stdout);
  server->Wait();
  return {};
}

}  // namespace postroad::cli::bench
