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

namespace {

// As page tokens: the id's digits, then the user.
std::string TokenOf(const ConnectionInfo& info) { return IdText(info.id.value()) + info.user; }

Result<Presence::Position> PositionOf(const std::string& token) {
  if (token.empty()) return Presence::Position{};
  POSTROAD_ASSIGN(const uint64_t id, ParseIdText(token.substr(0, 16), "page_token"));
  return Presence::Position{token.substr(16), ConnectionId(id)};
}

}  // namespace

Result<Page<ConnectionInfo>> Broker::ListAllConnections(const Principal& principal,
                                                        std::string_view after, size_t limit) {
  POSTROAD_ASSIGN(limit, PageSize(limit));
  POSTROAD_ASSIGN(const std::string token, impl_->hidden.PositionOf(after));
  POSTROAD_ASSIGN(Presence::Position at, PositionOf(token));
  Page<ConnectionInfo> page;
  for (size_t scanned = 0;;) {
    const auto some = impl_->users.presence.All(at, kMaxPageSize);
    for (const ConnectionInfo& info : some) {
      at = {info.user, info.id};
      if (!principal.May(Right::kRead, UserTopic(impl_->users.options, info.user))) continue;
      page.items.push_back(info);
      if (page.items.size() < limit) continue;
      page.next = TokenOf(info);
      return page;
    }
    if (some.size() < kMaxPageSize) return page;
    scanned += some.size();
    if (scanned < kMaxScanned) continue;
    page.next = impl_->hidden.Hide(TokenOf(some.back()));
    return page;
  }
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
