// See stream_user.h.
#include "gateway/http/stream_user.h"

#include <boost/json/object.hpp>
#include <tuple>

#include "core/cursor.h"
#include "gateway/http/stream_text.h"
#include "gateway/values/users_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

// Of questions and their ends that the client did not read yet; with more it is asked nothing.
constexpr size_t kMaxUnwrittenBytes = 256 << 10;

std::optional<Offset> NextOf(const std::string& cursor) {
  const auto decoded = DecodeCursor(cursor, "cursor");
  const auto* topic = decoded ? std::get_if<TopicCursor>(&*decoded) : nullptr;
  if (topic == nullptr) return std::nullopt;
  return topic->next;
}

}  // namespace

Status StreamUser::Enter(const TopicSelector& topics, const std::string& cursor) {
  broker::Broker& broker = exchange_.gateway().broker;
  auto user = broker::UserOfTopic(broker.user_options(), topics.SingleTopic());
  if (!user) return {};
  POSTROAD_ASSIGN(connection_,
                  broker.Connect(*exchange_.request().principal,
                                 {.user = *std::move(user),
                                  .transport = format_ == ReadFormat::kSse ? "sse" : "ndjson",
                                  .peer = exchange_.request().peer},
                                 exchange_.executor(), *this));
  reading_ = connection_->Read(topics.SingleTopic(), {.start = NextOf(cursor).value_or(Offset())});
  return {};
}

std::string StreamUser::OpenedText(const std::string& cursor) const {
  if (!connection_) return {};
  return NoticeText(format_, "opened", {{"connection", connection_->name()}}, cursor);
}

void StreamUser::OnClose(const Error& reason) {
  closed_ = reason;
  exchange_.signal()->Set();
}

void StreamUser::OnQuestion(const broker::Question& question) {
  if (asked_.size() >= broker::kMaxOpenQuestions || said_.size() >= kMaxUnwrittenBytes) {
    // It may be over meanwhile.
    std::ignore = connection_->Answer(question.id, broker::AnswerState::kFailed,
                                      "it has too many questions to answer");
    return;
  }
  asked_.insert(question.id);
  said_ += NoticeText(format_, "question", QuestionJson(question), {});
  exchange_.signal()->Set();
}

void StreamUser::OnWithdrawn(broker::QuestionId question) {
  if (asked_.erase(question) == 0) return;
  said_ +=
      NoticeText(format_, "question_over", {{"question", broker::IdText(question.value())}}, {});
  exchange_.signal()->Set();
}

}  // namespace postroad::gateway
