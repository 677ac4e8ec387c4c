// See consumer.h.
#include "kafka/consumer.h"

#include <array>
#include <future>
#include <set>
#include <string_view>
#include <thread>

#include "kafka/librdkafka.h"
#include "runtime/log.h"

namespace postroad::kafka {
namespace {

// What an answer about offsets may take.
constexpr int kAskMillis = 10'000;
// What the end of a client may take; without the bug below it takes some milliseconds.
constexpr std::chrono::seconds kDestroyTime{5};

std::vector<Partition> PartitionsOf(const rd_kafka_topic_partition_list_t& list) {
  std::vector<Partition> partitions;
  for (int i = 0; i < list.cnt; ++i) {
    partitions.push_back({list.elems[i].topic, list.elems[i].partition});
  }
  return partitions;
}

PartitionsPtr ListOf(const Offsets& offsets) {
  PartitionsPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)
        ->offset = offset;
  }
  return list;
}

// The views are of `message` and its headers, which live as long as it.
MessageView ViewOfMessage(const rd_kafka_message_t* message) {
  MessageView view{.topic = rd_kafka_topic_name(message->rkt),
                   .partition = message->partition,
                   .offset = message->offset,
                   .value = {static_cast<const char*>(message->payload), message->len},
                   .tombstone = message->payload == nullptr};
  if (message->key != nullptr) {
    view.key = std::string_view(static_cast<const char*>(message->key), message->key_len);
  }
  rd_kafka_timestamp_type_t type{};
  const int64_t millis = rd_kafka_message_timestamp(message, &type);
  if (millis > 0) view.time = Timestamp(std::chrono::milliseconds(millis));
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      view.headers.emplace_back(name, std::string_view(static_cast<const char*>(value), size));
    }
  }
  return view;
}

// librdkafka before 2.1 never ends a client that read a topic while that was deleted (its #4187,
// #4724): whoever waits for it waits for ever. Such a one stays behind with its threads, which do
// nothing more, and is told to call nobody.
void DestroyOrLeave(ClientPtr client, const std::string& group) {
  std::promise<void> destroyed;
  const std::future<void> end = destroyed.get_future();
  rd_kafka_set_log_level(client.get(), 0);
  std::thread thread([client = client.release(), destroyed = std::move(destroyed)]() mutable {
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);  // it is closed
    destroyed.set_value();
  });
  if (end.wait_for(kDestroyTime) == std::future_status::ready) return thread.join();
  LogError("a kafka client does not end, and is left behind: was a topic deleted?",
           {{"group", group}});
  thread.detach();
}

class LibrdkafkaConsumer final : public Consumer {
 public:
  LibrdkafkaConsumer(const ConsumerOptions& options, ConnectionLog& log, ConsumerOwner& owner,
                     std::function<void()> wake)
      : options_(options), log_(log), owner_(owner), wake_(std::move(wake)) {
    context_ = {&log, this};
  }
  ~LibrdkafkaConsumer() override {
    Close();
    if (client_) DestroyOrLeave(std::move(client_), options_.group);
  }

  Status Open() {
    POSTROAD_ASSIGN(ConfPtr conf, MakeConf(Role::kConsumer, options_.properties));
    ReportTo(context_, conf.get());
    MustSet(conf.get(), "group.id", options_.group);
    // Where to begin is decided at each assignment: Kafka's own reset would skip in silence.
    MustSet(conf.get(), "auto.offset.reset", "error");
    MustSet(conf.get(), "enable.auto.commit",
            options_.commit_mode == CommitMode::kAutoCommit ? "true" : "false");
    rd_kafka_conf_set_rebalance_cb(conf.get(), &LibrdkafkaConsumer::OnRebalance);
    rd_kafka_conf_set_offset_commit_cb(conf.get(), &LibrdkafkaConsumer::OnCommit);
    POSTROAD_ASSIGN(client_, MakeClient(RD_KAFKA_CONSUMER, options_.brokers, std::move(conf)));
    rd_kafka_poll_set_consumer(client_.get());
    events_.reset(rd_kafka_queue_get_consumer(client_.get()));
    rd_kafka_queue_cb_event_enable(events_.get(), &LibrdkafkaConsumer::OnEvent, this);
    return Subscribe();
  }

  bool Poll(size_t most) override {
    for (size_t i = 0; i < most; ++i) {
      const MessagePtr message(rd_kafka_consumer_poll(client_.get(), 0));
      if (!message) return false;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        owner_.OnMessage(ViewOfMessage(message.get()));
      } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        // A new membership finds out where to go on, as after a start.
        failed_ = rd_kafka_message_errstr(message.get());
      } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        log_.OnError(message->err, rd_kafka_message_errstr(message.get()));
      }
    }
    return true;
  }

  void Pause(bool pause) override {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    paused_ = pause;
    if (rd_kafka_assignment(client_.get(), &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const PartitionsPtr list(assigned);
    if (pause) {
      rd_kafka_pause_partitions(client_.get(), list.get());
    } else {
      rd_kafka_resume_partitions(client_.get(), list.get());
    }
  }

  void Commit(const Offsets& offsets, bool wait) override {
    if (offsets.empty()) return;
    const PartitionsPtr list = ListOf(offsets);
    if (options_.commit_mode == CommitMode::kAutoCommit) {
      rd_kafka_offsets_store(client_.get(), list.get());
      return;
    }
    const auto error = rd_kafka_commit(client_.get(), list.get(), wait ? 0 : 1);
    // What is asked without waiting is answered by OnCommit.
    if (wait || error != RD_KAFKA_RESP_ERR_NO_ERROR) Committed(error);
  }

  std::string ClusterId() override {
    char* id = rd_kafka_clusterid(client_.get(), 1000);
    if (id == nullptr) return "";
    std::string text(id);
    rd_kafka_mem_free(client_.get(), id);
    return text;
  }

  std::string failed() const override {
    std::array<char, 512> text{};
    const auto error = rd_kafka_fatal_error(client_.get(), text.data(), text.size());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return failed_;
    return std::string(rd_kafka_err2name(error)) + ": " + text.data();
  }

  void Close() override {
    if (!client_ || std::exchange(closed_, true)) return;
    if (events_) rd_kafka_queue_cb_event_enable(events_.get(), nullptr, nullptr);
    rd_kafka_consumer_close(client_.get());
    events_.reset();
  }

 private:
  Status Subscribe() {
    const PartitionsPtr list(
        rd_kafka_topic_partition_list_new(static_cast<int>(options_.topics.size())));
    for (const std::string& topic : options_.topics) {
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    }
    const auto error = rd_kafka_subscribe(client_.get(), list.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return Invalid("topics", rd_kafka_err2str(error));
  }

  static LibrdkafkaConsumer* Self(void* opaque) {
    return static_cast<LibrdkafkaConsumer*>(static_cast<CallbackContext*>(opaque)->owner);
  }
  static void OnEvent(rd_kafka_t*, void* opaque) {
    static_cast<LibrdkafkaConsumer*>(opaque)->wake_();
  }
  static void OnCommit(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t*,
                       void* opaque) {
    Self(opaque)->Committed(error);
  }
  static void OnRebalance(rd_kafka_t*, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    Self(opaque)->Rebalance(error, partitions);
  }

  void Committed(rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR__NO_OFFSET) return;  // there was nothing to commit
    owner_.OnCommitted(error == RD_KAFKA_RESP_ERR_NO_ERROR);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) log_.OnError(error, "offsets are not committed");
  }

  void Rebalance(rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* partitions) {
    const char* protocol = rd_kafka_rebalance_protocol(client_.get());
    const bool cooperative = protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
    const bool assigned = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    LogInfo(assigned ? "kafka gives partitions" : "kafka takes partitions",
            {{"group", options_.group}, {"partitions", partitions->cnt}});
    if (!assigned) {
      owner_.OnRevoked(PartitionsOf(*partitions), rd_kafka_assignment_lost(client_.get()) != 0);
    }
    if (assigned) {
      if (auto found = FindPositions(*partitions); !found) {
        // They are not read: from a wrong place would be worse. The session begins again.
        failed_ = found.error().message;
        partitions->cnt = 0;
      }
    }
    if (cooperative) {
      ErrorPtr(assigned ? rd_kafka_incremental_assign(client_.get(), partitions)
                        : rd_kafka_incremental_unassign(client_.get(), partitions));
    } else {
      rd_kafka_assign(client_.get(), assigned ? partitions : nullptr);
    }
    if (assigned && paused_) Pause(true);
  }

  // Sets where reading of each begins: what is committed, if Kafka has that still. Where it begins
  // elsewhere that is committed at once, so that a start before the first message is not a first
  // start again.
  Status FindPositions(rd_kafka_topic_partition_list_t& partitions) {
    const PartitionsPtr committed(rd_kafka_topic_partition_list_copy(&partitions));
    POSTROAD_TRY(Check(rd_kafka_committed(client_.get(), committed.get(), kAskMillis)));
    POSTROAD_ASSIGN(const PartitionsPtr earliest, Ask(partitions, RD_KAFKA_OFFSET_BEGINNING));
    POSTROAD_ASSIGN(const PartitionsPtr end, Ask(partitions, RD_KAFKA_OFFSET_END));
    Offsets begun;
    for (int i = 0; i < partitions.cnt; ++i) {
      const rd_kafka_topic_partition_t& found = committed->elems[i];
      POSTROAD_TRY(Check(found.err));
      const Partition partition{found.topic, found.partition};
      int64_t& offset = partitions.elems[i].offset;
      offset =
          PositionOf(partition, found.offset, {earliest->elems[i].offset, end->elems[i].offset});
      if (offset != found.offset) begun[partition] = offset;
      known_.insert(partition);
    }
    if (begun.empty()) return {};
    return Check(rd_kafka_commit(client_.get(), ListOf(begun).get(), 0));
  }

  // What Kafka has of a partition; the end is the offset of the next message.
  struct Kept {
    int64_t earliest = 0, end = 0;
  };
  int64_t PositionOf(const Partition& partition, int64_t committed, Kept kept) {
    if (committed < 0) {
      // Kafka forgets a group's offsets with the topic: one that was known is a new one now.
      const bool latest = options_.start == InStart::kLatest && !known_.contains(partition);
      return latest ? kept.end : kept.earliest;
    }
    if (committed >= kept.earliest && committed <= kept.end) return committed;
    owner_.OnLost(partition, committed, kept.earliest);
    return kept.earliest;
  }

  // `which`: RD_KAFKA_OFFSET_BEGINNING or _END.
  Result<PartitionsPtr> Ask(const rd_kafka_topic_partition_list_t& partitions, int64_t which) {
    PartitionsPtr list(rd_kafka_topic_partition_list_copy(&partitions));
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = which;
    POSTROAD_TRY(Check(rd_kafka_offsets_for_times(client_.get(), list.get(), kAskMillis)));
    for (int i = 0; i < list->cnt; ++i) POSTROAD_TRY(Check(list->elems[i].err));
    return list;
  }

  static Status Check(rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return Fail(ErrorCode::kUnavailable,
                "where to begin reading is not known: " + std::string(rd_kafka_err2name(error)) +
                    ": " + rd_kafka_err2str(error));
  }

  const ConsumerOptions options_;
  ConnectionLog& log_;
  ConsumerOwner& owner_;
  const std::function<void()> wake_;
  CallbackContext context_;
  bool paused_ = false, closed_ = false;
  std::string failed_;
  std::set<Partition> known_;  // where reading has begun
  ClientPtr client_;
  QueuePtr events_;
};

}  // namespace

Result<std::unique_ptr<Consumer>> Consumer::Create(const ConsumerOptions& options,
                                                   ConnectionLog& log, ConsumerOwner& owner,
                                                   std::function<void()> wake) {
  auto consumer = std::make_unique<LibrdkafkaConsumer>(options, log, owner, std::move(wake));
  POSTROAD_TRY(consumer->Open());
  return consumer;
}

}  // namespace postroad::kafka
