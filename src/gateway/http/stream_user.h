// A stream of a user's topic as a connection of that user: counted, asked, told to close.
#ifndef POSTROAD_GATEWAY_HTTP_STREAM_USER_H_
#define POSTROAD_GATEWAY_HTTP_STREAM_USER_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "broker/broker.h"
#include "gateway/http/exchange.h"
#include "gateway/http/read_request.h"

namespace postroad::gateway {

// On the exchange's executor.
class StreamUser final : public broker::ConnectionSink {
 public:
  StreamUser(Exchange& exchange, ReadFormat format) : exchange_(exchange), format_(format) {}

  // Nothing to do for topics that are no user's own. Errors as in Broker::Connect.
  Status Enter(const TopicSelector& topics, const std::string& cursor);
  // The first of the stream, after its opening; empty for those that are no user's.
  std::string OpenedText(const std::string& cursor) const;
  // Everything before `end` is about to be written: its client may ack it before the write is known
  // to be done.
  void Sends(Offset end) {
    if (reading_) reading_->Sent(end);
  }
  // What is to be told meanwhile.
  bool HasSaid() const { return !said_.empty(); }
  std::string TakeSaid() { return std::exchange(said_, {}); }
  // Why it is to end.
  const std::optional<Error>& closed() const { return closed_; }

  void OnClose(const Error& reason) override;
  void OnQuestion(const broker::Question& question) override;
  void OnWithdrawn(broker::QuestionId question) override;

 private:
  Exchange& exchange_;
  const ReadFormat format_;
  std::string said_;
  std::set<broker::QuestionId> asked_;
  std::optional<Error> closed_;
  std::unique_ptr<broker::UserConnection> connection_;
  std::unique_ptr<broker::ConnectionReceipts::Reading> reading_;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_STREAM_USER_H_
