// Open questions, and who has yet to answer.
#include "broker/questions.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace postroad::broker {

namespace {

struct Asking {
  Executor* executor = nullptr;
  bool first = true;
  QuestionDone done;
  QuestionOutcome outcome;
  size_t pending = 0;
  Executor::Timer timer;  // touched on the executor only
};
using AskingPtr = std::shared_ptr<Asking>;

Status CheckQuestion(const AskRequest& request) {
  if (request.user.empty()) return Invalid("user", "must be given");
  if (request.payload.size() > kMaxQuestionBytes) {
    return Invalid("payload", "a question has at most 64 KiB", "QUESTION_TOO_LARGE");
  }
  if (request.route.empty() || request.route.size() > 255) {
    return Invalid("route", "must be 1 to 255 bytes");
  }
  if (request.timeout < std::chrono::milliseconds(1) || request.timeout > std::chrono::hours(1)) {
    return Invalid("timeout", "must be 1 ms to 1 h");
  }
  return {};
}

Result<std::vector<ConnectionInfo>> WhomToAsk(const Presence& presence, const AskRequest& request) {
  std::vector<ConnectionInfo> connected = presence.Of(request.user);
  if (request.to == "newest" && connected.size() > 1) {
    connected.erase(connected.begin(), connected.end() - 1);
  } else if (request.to != "all" && request.to != "newest") {
    POSTROAD_ASSIGN(const uint64_t id, ParseIdText(request.to, "to"));
    std::erase_if(connected, [id](const auto& info) { return info.id.value() != id; });
  }
  if (connected.size() > kMaxAsked) connected.resize(kMaxAsked);
  if (!connected.empty()) return connected;
  return Fail(ErrorCode::kNotFound, "the user has no connection that could be asked", "user",
              "NOT_CONNECTED");
}

}  // namespace

std::string_view AnswerStateName(AnswerState state) {
  switch (state) {
    case AnswerState::kPending:
      return "pending";
    case AnswerState::kAnswered:
      return "answered";
    case AnswerState::kFailed:
      return "failed";
    case AnswerState::kGone:
      return "gone";
    case AnswerState::kCancelled:
      return "cancelled";
    case AnswerState::kTimedOut:
      return "timed_out";
  }
  return "pending";
}

struct Questions::State {
  State(Presence& p, Metrics& metrics)
      : presence(p),
        asked(metrics.GetCounter("postroad_users_questions_total",
                                 "Questions that connections were asked.")),
        answered(metrics.GetCounter("postroad_users_answers_total",
                                    "Questions that connections answered.")) {}

  // Under the lock. True: it is done, and was taken out.
  bool Settle(const AskingPtr& asking, Answer& to, Answer answer) {
    to = std::move(answer);
    --asking->pending;
    const bool enough = asking->first && to.state == AnswerState::kAnswered;
    if (!enough && asking->pending > 0) return false;
    open.erase(asking->outcome.id);
    return true;
  }
  // Under no lock. Those that have not answered are told that it is over.
  void Finish(const AskingPtr& asking, AnswerState rest) {
    for (Answer& answer : asking->outcome.answers) {
      if (answer.state != AnswerState::kPending) continue;
      answer.state = rest;
      presence.Tell(answer.connection,
                    [id = asking->outcome.id](ConnectionSink& sink) { sink.OnWithdrawn(id); });
    }
    asking->executor->Post([asking] {
      asking->timer.Cancel();
      if (asking->done) std::exchange(asking->done, nullptr)(std::move(asking->outcome));
    });
  }
  // Null if it is over already.
  AskingPtr TakeOut(QuestionId id) {
    std::lock_guard lock(mutex);
    const auto found = open.find(id);
    if (found == open.end()) return nullptr;
    AskingPtr asking = found->second;
    open.erase(found);
    return asking;
  }

  Presence& presence;
  std::mutex mutex;
  std::unordered_map<QuestionId, AskingPtr> open;
  Counter& asked;
  Counter& answered;
};

Questions::Questions(Presence& presence, Metrics& metrics)
    : state_(std::make_shared<State>(presence, metrics)) {}
Questions::~Questions() = default;

Result<journal::WaitPtr> Questions::Ask(AskRequest request, Executor& executor, QuestionDone done) {
  struct Handle final : journal::Wait {
    ~Handle() override {
      asking->done = nullptr;
      asking->timer.Cancel();
      if (state->TakeOut(asking->outcome.id)) state->Finish(asking, AnswerState::kCancelled);
    }
    std::shared_ptr<State> state;
    AskingPtr asking;
  };

  POSTROAD_TRY(CheckQuestion(request));
  POSTROAD_ASSIGN(const auto connected, WhomToAsk(state_->presence, request));
  const QuestionId id(RandomId());
  auto asking = std::make_shared<Asking>();
  asking->executor = &executor;
  asking->first = request.first;
  asking->done = std::move(done);
  asking->outcome.id = id;
  asking->pending = connected.size();
  for (const auto& info : connected) asking->outcome.answers.push_back({.connection = info.id});
  asking->timer = executor.PostAfter(request.timeout, [state = std::weak_ptr(state_), id] {
    const auto alive = state.lock();
    const AskingPtr late = alive ? alive->TakeOut(id) : nullptr;
    if (late) alive->Finish(late, AnswerState::kTimedOut);
  });
  {
    std::lock_guard lock(state_->mutex);
    state_->open.emplace(id, asking);
  }
  const Question question{id, request.route,
                          std::make_shared<const std::string>(std::move(request.payload)),
                          request.timeout};
  state_->asked.Add(static_cast<double>(connected.size()));
  for (const auto& info : connected) {
    auto ask = [question](ConnectionSink& sink) { sink.OnQuestion(question); };
    if (!state_->presence.Tell(info.id, std::move(ask))) Left(info.id);
  }
  auto handle = std::make_unique<Handle>();
  handle->state = state_;
  handle->asking = std::move(asking);
  return handle;
}

Status Questions::Take(QuestionId question, Answer answer) {
  if (answer.text.size() > kMaxAnswerBytes) {
    return Invalid("answer", "is larger than 64 KiB", "ANSWER_TOO_LARGE");
  }
  AskingPtr asking;
  bool over = false;
  {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->open.find(question);
    Answer* to = nullptr;
    if (found != state_->open.end()) {
      for (Answer& one : found->second->outcome.answers) {
        if (one.connection == answer.connection && one.state == AnswerState::kPending) to = &one;
      }
    }
    if (to == nullptr) {
      return Fail(ErrorCode::kNotFound, "this connection has no such question to answer",
                  "question", "UNKNOWN_QUESTION");
    }
    asking = found->second;
    if (answer.state == AnswerState::kAnswered) state_->answered.Add();
    over = state_->Settle(asking, *to, std::move(answer));
  }
  if (over) state_->Finish(asking, AnswerState::kCancelled);
  return {};
}

void Questions::Left(ConnectionId connection) {
  std::vector<AskingPtr> over;
  {
    std::lock_guard lock(state_->mutex);
    for (auto it = state_->open.begin(); it != state_->open.end();) {
      const AskingPtr asking = (it++)->second;
      for (Answer& one : asking->outcome.answers) {
        if (one.connection != connection || one.state != AnswerState::kPending) continue;
        if (state_->Settle(asking, one, {connection, AnswerState::kGone, ""})) {
          over.push_back(asking);
        }
      }
    }
  }
  for (const AskingPtr& asking : over) state_->Finish(asking, AnswerState::kCancelled);
}

}  // namespace postroad::broker
