// A user's connection, as the gateway that serves it holds it.
#ifndef POSTROAD_BROKER_USER_CONNECTION_H_
#define POSTROAD_BROKER_USER_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "broker/connection_receipts.h"
#include "broker/presence.h"
#include "broker/questions.h"
#include "broker/turns.h"

namespace postroad::broker {

// What is known about users' connections.
struct Users {
  Users(const UserOptions& o, Clock& clock, Metrics& metrics)
      : options(o),
        presence(o, clock, metrics),
        receipts(clock, metrics),
        questions(presence, metrics) {}

  const UserOptions options;
  Presence presence;
  ConnectionReceipts receipts;
  Questions questions;
  Turns turns;
};

struct ConnectRequest {
  std::string user;
  std::string transport;
  std::string peer;
};

// It leaves when destroyed, on its executor.
class UserConnection {
 public:
  static Result<std::unique_ptr<UserConnection>> Enter(Users& users, ConnectRequest request,
                                                       Executor& executor, ConnectionSink& sink) {
    const ConnectionId id(RandomId());
    std::string user = request.user;
    POSTROAD_ASSIGN(auto entry, users.presence.Enter({.id = id,
                                                      .user = std::move(request.user),
                                                      .transport = std::move(request.transport),
                                                      .peer = std::move(request.peer)},
                                                     executor, sink));
    return std::unique_ptr<UserConnection>(
        new UserConnection(users, id, std::move(user), std::move(entry)));
  }
  ~UserConnection() {
    entry_.reset();
    users_.questions.Left(id_);
  }
  UserConnection(const UserConnection&) = delete;

  ConnectionId id() const { return id_; }
  std::string name() const { return IdText(id_.value()); }
  const std::string& user() const { return user_; }
  void SetSuspended(bool suspended) { entry_->SetSuspended(suspended); }
  // See ConnectionReceipts.
  struct ReadTerms {
    Offset start;
    bool shares = false;
    bool acks = true;
  };
  std::unique_ptr<ConnectionReceipts::Reading> Read(std::string_view topic,
                                                    const ReadTerms& terms) {
    return users_.receipts.Read(topic, {.connection = id_,
                                        .user = user_,
                                        .start = terms.start,
                                        .shares = terms.shares,
                                        .acks = terms.acks});
  }
  // See Turns.
  std::unique_ptr<Turns::Place> Share(std::string_view topic, TurnOrder order, Offset start,
                                      Executor& executor, std::function<void()> wake) {
    return users_.turns.Enter(topic, order, start, executor, std::move(wake));
  }
  Status Ack(ConnectionAck ack) { return users_.receipts.Ack(id_, std::move(ack)); }
  // kAnswered or kFailed, with the text. See Questions::Take.
  Status Answer(QuestionId question, AnswerState state, std::string text) {
    return users_.questions.Take(question, {id_, state, std::move(text)});
  }

 private:
  UserConnection(Users& users, ConnectionId id, std::string user,
                 std::unique_ptr<Presence::Entry> entry)
      : users_(users), id_(id), user_(std::move(user)), entry_(std::move(entry)) {}

  Users& users_;
  const ConnectionId id_;
  const std::string user_;
  std::unique_ptr<Presence::Entry> entry_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_USER_CONNECTION_H_
