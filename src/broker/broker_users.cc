// The broker: users' connections.
#include "broker/broker.h"
#include "broker/broker_impl.h"

namespace postroad::broker {

using auth::Right;

const UserOptions& Broker::user_options() const { return impl_->users.options; }

Result<std::unique_ptr<UserConnection>> Broker::Connect(const Principal& principal,
                                                        ConnectRequest request, Executor& executor,
                                                        ConnectionSink& sink) {
  POSTROAD_TRY(impl_->CheckRunning());
  if (!principal.May(Right::kRead, UserTopic(impl_->users.options, request.user))) {
    request.user.clear();
  }
  return UserConnection::Enter(impl_->users, std::move(request), executor, sink);
}

Result<std::vector<ConnectionInfo>> Broker::ListConnections(const Principal& principal,
                                                            std::string_view user) {
  if (user.empty()) return Invalid("user", "must be given");
  POSTROAD_TRY(principal.Check(Right::kRead, UserTopic(impl_->users.options, user)));
  return impl_->users.presence.Of(user);
}

Result<Page<ConnectionInfo>> Broker::ListAllConnections(const Principal& principal,
                                                        std::string_view after, size_t limit) {
  POSTROAD_ASSIGN(limit, PageSize(limit));
  Page<ConnectionInfo> page;
  page.items = impl_->users.presence.All(after, limit);
  if (page.items.empty()) return page;
  std::string last = page.items.back().user;
  if (!impl_->users.presence.All(last, 1).empty()) page.next = std::move(last);
  std::erase_if(page.items, [&](const ConnectionInfo& info) {
    return !principal.May(Right::kRead, UserTopic(impl_->users.options, info.user));
  });
  return page;
}

Status Broker::Ack(const Principal& principal, ConnectionId connection, ConnectionAck ack) {
  POSTROAD_TRY(principal.Check(Right::kRead, ack.topic));
  return impl_->users.receipts.Ack(connection, std::move(ack));
}

Result<journal::WaitPtr> Broker::Ask(const Principal& principal, AskRequest request,
                                     Executor& executor, QuestionDone done) {
  POSTROAD_TRY(impl_->CheckRunning());
  if (request.user.empty()) return Invalid("user", "must be given");
  POSTROAD_TRY(principal.Check(Right::kPost, UserTopic(impl_->users.options, request.user)));
  return impl_->users.questions.Ask(std::move(request), executor, std::move(done));
}

Status Broker::TakeAnswer(const Principal& principal, QuestionId question, Answer answer) {
  const ConnectionId connection = answer.connection;
  if (const auto user = impl_->users.presence.UserOf(connection)) {
    POSTROAD_TRY(principal.Check(Right::kRead, UserTopic(impl_->users.options, *user)));
  }
  POSTROAD_TRY(impl_->users.questions.Take(question, std::move(answer)));
  // Its gateway has not seen the answer.
  impl_->users.presence.Tell(connection,
                             [question](ConnectionSink& sink) { sink.OnWithdrawn(question); });
  return {};
}

}  // namespace postroad::broker
