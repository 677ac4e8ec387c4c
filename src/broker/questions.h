// Questions to users' connections, and what they answer.
#ifndef POSTROAD_BROKER_QUESTIONS_H_
#define POSTROAD_BROKER_QUESTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/presence.h"
#include "core/error.h"
#include "core/time.h"
#include "journal/journal.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::broker {

enum class AnswerState : uint8_t {
  kPending,
  kAnswered,
  kFailed,     // the client refused, or could not take the question
  kGone,       // left without an answer
  kCancelled,  // another's answer was enough
  kTimedOut,
};
std::string_view AnswerStateName(AnswerState state);

struct Answer {
  ConnectionId connection;
  AnswerState state = AnswerState::kPending;
  std::string text;  // the answer, or why it failed
};
struct QuestionOutcome {
  QuestionId id;
  std::vector<Answer> answers;  // one of each connection asked, the oldest first
};
using QuestionDone = std::move_only_function<void(QuestionOutcome)>;

inline constexpr size_t kMaxQuestionBytes = 64 << 10;
inline constexpr size_t kMaxAnswerBytes = 64 << 10;
inline constexpr size_t kMaxAsked = 1'000;        // connections by one question
inline constexpr size_t kMaxOpenQuestions = 100;  // of one connection; its gateway sees to it

struct AskRequest {
  std::string user;
  std::string to = "all";  // "newest", or a connection's name
  bool first = true;       // the first answer is enough
  std::string route;
  std::string payload;
  Duration timeout = std::chrono::seconds(30);
};

// Thread-safe; calls out under no lock.
class Questions {
 public:
  Questions(Presence& presence, Metrics& metrics);
  ~Questions();

  // `done` on `executor`, at the latest after the timeout. Destroying the handle, on `executor`,
  // gives up. NOT_FOUND reason NOT_CONNECTED if there is nobody to ask.
  Result<journal::WaitPtr> Ask(AskRequest request, Executor& executor, QuestionDone done);
  // What a connection says; kAnswered or kFailed. NOT_FOUND reason UNKNOWN_QUESTION if it was not
  // asked, has answered, or the time is up. INVALID_ARGUMENT if too large.
  Status Take(QuestionId question, Answer answer);
  // It can answer no more.
  void Left(ConnectionId connection);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_QUESTIONS_H_
