// Short ways to call the server and to look at what it answered.
#ifndef POSTROAD_TESTS_GRPC_GRPC_HELP_H_
#define POSTROAD_TESTS_GRPC_GRPC_HELP_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "google/rpc/error.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"

namespace postroad::testing {

// No call of a test takes this long, unless something hangs.
inline void SetDeadline(grpc::ClientContext& context,
                        std::chrono::seconds after = std::chrono::seconds(30)) {
  context.set_deadline(std::chrono::system_clock::now() + after);
}

inline bool Eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// What a status says to programs.
struct ErrorView {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string reason;
  std::string field;
  std::string domain;
  std::map<std::string, std::string> metadata;
};
inline ErrorView View(const grpc::Status& status) {
  ErrorView view{.code = status.error_code()};
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info)) {
      view.reason = info.reason();
      view.domain = info.domain();
      view.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (detail.UnpackTo(&bad) && bad.field_violations_size() > 0) {
      view.field = bad.field_violations(0).field();
    }
  }
  return view;
}

inline v1::PostRequest Batch(const std::string& topic, const std::vector<std::string>& ids,
                             const std::string& payload = "payload") {
  v1::PostRequest request;
  for (const std::string& id : ids) {
    v1::Event& event = *request.add_events();
    event.set_topic(topic);
    event.set_id(id);
    event.set_payload(payload);
  }
  return request;
}

template <typename Response>
struct Answer {
  grpc::Status status;
  Response response;
};

inline Answer<v1::PostResponse> Post(v1::Postroad::Stub& stub, const v1::PostRequest& request) {
  Answer<v1::PostResponse> answer;
  grpc::ClientContext context;
  SetDeadline(context);
  answer.status = stub.Post(&context, request, &answer.response);
  return answer;
}

inline void MustPost(v1::Postroad::Stub& stub, const v1::PostRequest& request) {
  const auto answer = Post(stub, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
}

// A Read call and what came of it.
class Reading {
 public:
  Reading(v1::Postroad::Stub& stub, const v1::ReadRequest& request) {
    SetDeadline(context_);
    stream_ = stub.Read(&context_, request);
  }
  // The next response; false at the stream's end.
  bool Next(v1::ReadResponse& response) { return stream_->Read(&response); }
  // Ids of events, topic first, until `n` of them came or the stream ended.
  std::vector<std::string> Ids(size_t n) {
    std::vector<std::string> ids;
    v1::ReadResponse response;
    while (ids.size() < n && Next(response)) Add(response, ids);
    return ids;
  }
  static void Add(const v1::ReadResponse& response, std::vector<std::string>& ids) {
    for (const auto& batch : response.batches()) {
      for (const auto& event : batch.events()) ids.push_back(batch.topic() + "=" + event.id());
    }
  }
  void WaitForStart() { stream_->WaitForInitialMetadata(); }
  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() {
    v1::ReadResponse rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::ReadResponse>> stream_;
};

inline v1::ReadRequest From(const std::vector<std::string>& topics) {
  v1::ReadRequest request;
  for (const std::string& topic : topics) request.add_topics(topic);
  return request;
}
inline v1::ReadRequest FromBeginning(const std::vector<std::string>& topics, bool stop = false) {
  v1::ReadRequest request = From(topics);
  request.set_beginning(true);
  request.set_stop_at_end(stop);
  return request;
}

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_GRPC_GRPC_HELP_H_
