// See producer.h.
#include "kafka/producer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "kafka/librdkafka.h"

namespace postroad::kafka {
namespace {

using Verdict = DeliveryReport::Verdict;

Verdict VerdictOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return Verdict::kConfirmed;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return Verdict::kTooLarge;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return Verdict::kRejected;
    default:
      return Verdict::kFailed;
  }
}

bool IsUnknownTopic(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

std::string ReasonOf(rd_kafka_resp_err_t error) {
  return std::string(rd_kafka_err2name(error)) + ": " + rd_kafka_err2str(error);
}

// The token goes through librdkafka as a message's opaque pointer.
void* ToOpaque(uint64_t token) { return reinterpret_cast<void*>(static_cast<uintptr_t>(token)); }

class LibrdkafkaProducer final : public Producer {
 public:
  LibrdkafkaProducer(ConnectionLog& log, std::function<void()> wake) : wake_(std::move(wake)) {
    context_ = {&log, this};
  }
  ~LibrdkafkaProducer() override {
    if (!client_) return;
    rd_kafka_queue_cb_event_enable(events_.get(), nullptr, nullptr);
    events_.reset();
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), 0);
  }

  Status Open(const ProducerOptions& options) {
    POSTROAD_ASSIGN(ConfPtr conf, MakeConf(Role::kProducer, options.properties));
    ReportTo(context_, conf.get());
    if (options.gapless) MustSet(conf.get(), "enable.gapless.guarantee", "true");
    if (options.one_by_one) MustSet(conf.get(), "batch.num.messages", "1");
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &LibrdkafkaProducer::OnReport);
    POSTROAD_ASSIGN(client_, MakeClient(RD_KAFKA_PRODUCER, options.brokers, std::move(conf)));
    events_.reset(rd_kafka_queue_get_main(client_.get()));
    rd_kafka_queue_cb_event_enable(events_.get(), &LibrdkafkaProducer::OnEvent, this);
    return {};
  }

  Sent Send(const std::string& topic, const Message& message, uint64_t token) override {
    parts_.clear();
    Add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
    Add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    Add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = ToOpaque(token);
    auto& value = Add(RD_KAFKA_VTYPE_VALUE).u.mem;
    value.ptr = message.tombstone ? nullptr : const_cast<char*>(message.value.data());
    value.size = message.value.size();
    if (message.key) {
      auto& key = Add(RD_KAFKA_VTYPE_KEY).u.mem;
      key.ptr = const_cast<char*>(message.key->data());
      key.size = message.key->size();
    }
    for (const auto& [name, text] : message.headers) {
      auto& header = Add(RD_KAFKA_VTYPE_HEADER).u.header;
      header.name = name.c_str();
      header.val = text.data();
      header.size = static_cast<ssize_t>(text.size());
    }
    const ErrorPtr error(rd_kafka_produceva(client_.get(), parts_.data(), parts_.size()));
    if (!error) return Sent::kQueued;
    const auto code = rd_kafka_error_code(error.get());
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return Sent::kFull;
    const Verdict verdict = Judge(code, topic);
    // Too large for librdkafka: for itself, and not in company.
    early_.push_back(
        {token, verdict == Verdict::kTooLarge ? Verdict::kRejected : verdict, ReasonOf(code)});
    return Sent::kQueued;
  }

  void Poll(std::vector<DeliveryReport>& reports) override {
    reports_ = &reports;
    rd_kafka_poll(client_.get(), 0);
    reports_ = nullptr;
    std::ranges::move(early_, std::back_inserter(reports));
    early_.clear();
  }

  std::string failed() const override {
    std::array<char, 512> text{};
    const auto error = rd_kafka_fatal_error(client_.get(), text.data(), text.size());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return gone_;
    return std::string(rd_kafka_err2name(error)) + ": " + text.data();
  }

  void Finish(Duration timeout, std::vector<DeliveryReport>& reports) override {
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
    reports_ = &reports;
    rd_kafka_flush(client_.get(), static_cast<int>(wait.count()));
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), 1000);
    reports_ = nullptr;
    std::ranges::move(early_, std::back_inserter(reports));
    early_.clear();
  }

 private:
  rd_kafka_vu_t& Add(rd_kafka_vtype_t type) {
    parts_.push_back({.vtype = type});
    return parts_.back();
  }

  static void OnEvent(rd_kafka_t*, void* opaque) {
    static_cast<LibrdkafkaProducer*>(opaque)->wake_();
  }

  // Runs inside Poll and Finish; while the producer is destroyed nobody listens.
  static void OnReport(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto* self = static_cast<LibrdkafkaProducer*>(static_cast<CallbackContext*>(opaque)->owner);
    if (self->reports_ == nullptr) return;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) self->NoteTopic(message->rkt);
    DeliveryReport report{.token = reinterpret_cast<uintptr_t>(message->_private),
                          .verdict = self->Judge(message->err, rd_kafka_topic_name(message->rkt))};
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) report.reason = ReasonOf(message->err);
    self->reports_->push_back(std::move(report));
  }

  void NoteTopic(rd_kafka_topic_t* topic) {
    if (std::exchange(last_topic_, topic) != topic) known_.insert(rd_kafka_topic_name(topic));
  }

  // A topic that was there is not one that never was: it may be made again, or be unknown to a
  // broker for a moment. librdkafka gives it time (topic.metadata.propagation.max.ms) only where it
  // is new to a client, so another client has to go on.
  Verdict Judge(rd_kafka_resp_err_t error, const std::string& topic) {
    if (!IsUnknownTopic(error) || !known_.contains(topic)) return VerdictOf(error);
    gone_ = ReasonOf(error) + ": " + topic + " was there before";
    return Verdict::kFailed;
  }

  const std::function<void()> wake_;
  CallbackContext context_;
  std::set<std::string, std::less<>> known_;  // topics that have taken a message
  const rd_kafka_topic_t* last_topic_ = nullptr;
  std::string gone_;  // of those, one that is unknown now
  std::vector<rd_kafka_vu_t> parts_;
  std::vector<DeliveryReport>* reports_ = nullptr;
  std::vector<DeliveryReport> early_;  // of messages that were not queued at all
  ClientPtr client_;
  QueuePtr events_;
};

}  // namespace

Result<std::unique_ptr<Producer>> Producer::Create(const ProducerOptions& options,
                                                   ConnectionLog& log, std::function<void()> wake) {
  auto producer = std::make_unique<LibrdkafkaProducer>(log, std::move(wake));
  POSTROAD_TRY(producer->Open(options));
  return producer;
}

}  // namespace postroad::kafka
