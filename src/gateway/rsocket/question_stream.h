// A question to a client, by request-response, and its answer.
#ifndef POSTROAD_GATEWAY_RSOCKET_QUESTION_STREAM_H_
#define POSTROAD_GATEWAY_RSOCKET_QUESTION_STREAM_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "broker/user_connection.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

using OpenQuestions = std::map<broker::QuestionId, rsocket::Stream*>;

// Takes itself out of `open` at its end. The connection must live as long as its session is told
// things.
class QuestionStream final : public rsocket::StreamHandler {
 public:
  QuestionStream(broker::UserConnection& connection, broker::QuestionId id,
                 std::shared_ptr<OpenQuestions> open)
      : connection_(connection), id_(id), open_(std::move(open)) {}
  ~QuestionStream() override { open_->erase(id_); }

  void OnPayload(const rsocket::PayloadView& payload, bool) override {
    Say(broker::AnswerState::kAnswered, payload.data);
  }
  void OnComplete() override { Say(broker::AnswerState::kAnswered, {}); }
  // A session that ends needs nothing said: its connection leaves.
  void OnError(rsocket::ErrorFrameCode code, std::string_view message) override {
    if (code >= rsocket::ErrorFrameCode::kApplicationError)
      Say(broker::AnswerState::kFailed, message);
  }

 private:
  void Say(broker::AnswerState state, std::string_view text) {
    const Status taken = connection_.Answer(id_, state, std::string(text));
    if (taken || taken.error().code != ErrorCode::kInvalidArgument) return;
    // Too large: the asker is to know.
    std::ignore = connection_.Answer(id_, broker::AnswerState::kFailed, taken.error().message);
  }

  broker::UserConnection& connection_;
  const broker::QuestionId id_;
  const std::shared_ptr<OpenQuestions> open_;
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_QUESTION_STREAM_H_
