// A member of a consumer group: librdkafka's, with its callbacks as calls of an owner.
#ifndef POSTROAD_KAFKA_CONSUMER_H_
#define POSTROAD_KAFKA_CONSUMER_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "kafka/message.h"
#include "kafka/options.h"

namespace postroad::kafka {

class ConnectionLog;

struct Partition {
  std::string topic;
  int32_t number = 0;
  auto operator<=>(const Partition&) const = default;
};
using Offsets = std::map<Partition, int64_t>;  // of the next message to read

struct ConsumerOptions {
  std::string brokers;
  std::string group;
  std::vector<std::string> topics;
  InStart start = InStart::kEarliest;
  CommitMode commit_mode = CommitMode::kEndOfBatchCommit;
  Properties properties;
};

// Called inside Poll and Close only.
class ConsumerOwner {
 public:
  virtual ~ConsumerOwner() = default;
  virtual void OnMessage(const MessageView& message) = 0;
  // The partitions go to another member: the last chance to commit for them, unless they are `lost`
  // already. Messages of them that are not stored come to that member.
  virtual void OnRevoked(const std::vector<Partition>& partitions, bool lost) = 0;
  virtual void OnCommitted(bool good) = 0;
  // Kafka has not kept what is at the offset committed; reading goes on from `earliest`. Where that
  // is behind it the topic was deleted and made again, or cut.
  virtual void OnLost(const Partition& partition, int64_t committed, int64_t earliest) = 0;
};

// Used by one thread, but for the callback.
class Consumer {
 public:
  // Joins the group in the background. `wake` is called, on any thread, when Poll has something to
  // give. `log` and `owner` outlive it.
  static Result<std::unique_ptr<Consumer>> Create(const ConsumerOptions& options,
                                                  ConnectionLog& log, ConsumerOwner& owner,
                                                  std::function<void()> wake);
  virtual ~Consumer() = default;

  // Gives the messages that are there, at most `most`; whether there may be more.
  virtual bool Poll(size_t most) = 0;
  // Paused, Poll gives no messages, and still does what keeps the membership.
  virtual void Pause(bool pause) = 0;
  // Asks Kafka to keep the offsets; as AutoCommit has it, in its own time. With `wait`, until it
  // has answered.
  virtual void Commit(const Offsets& offsets, bool wait) = 0;
  // Of the brokers' cluster; "" where they do not say.
  virtual std::string ClusterId() = 0;
  // Why it can read no more, if so.
  virtual std::string failed() const = 0;
  // Leaves the group; OnRevoked comes for all that it has.
  virtual void Close() = 0;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_CONSUMER_H_
