// See peer.h.
#include "kafka/peer.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <memory>

#include "support/process.h"

namespace postroad::testing {
namespace {

struct Close {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, Close>;

void Delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  EXPECT_EQ(message->err, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(message->err);
}
void Quiet(const rd_kafka_t*, int, const char*, const char*) {}

Client Connect(rd_kafka_type_t type, const std::string& address,
               const std::map<std::string, std::string>& properties = {}) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> error{};
  rd_kafka_conf_set_log_cb(conf, Quiet);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, Delivered);
  const auto set = [&](const char* name, const std::string& value) {
    EXPECT_EQ(rd_kafka_conf_set(conf, name, value.c_str(), error.data(), error.size()),
              RD_KAFKA_CONF_OK)
        << error.data();
  };
  set("bootstrap.servers", address);
  for (const auto& [name, value] : properties) set(name.c_str(), value);
  return Client(rd_kafka_new(type, conf, error.data(), error.size()));
}

KafkaRecord RecordOf(const rd_kafka_message_t* message) {
  KafkaRecord record{.topic = rd_kafka_topic_name(message->rkt),
                     .partition = message->partition,
                     .offset = message->offset,
                     .value = {static_cast<const char*>(message->payload), message->len},
                     .null = message->payload == nullptr};
  if (message->key != nullptr) {
    record.key = std::string(static_cast<const char*>(message->key), message->key_len);
  }
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return record;
}

int PartitionsOf(rd_kafka_t* client, const std::string& topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client, topic.c_str(), nullptr);
  int partitions = 0;
  Eventually([&] {
    if (rd_kafka_metadata(client, 0, handle, &metadata, 5000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return false;
    }
    partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return partitions > 0;
  });
  rd_kafka_topic_destroy(handle);
  return partitions;
}

// Asks for all topics, so that asking makes none.
bool HasTopic(rd_kafka_t* client, const std::string& topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client, 1, nullptr, &metadata, 5000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return true;
  }
  bool found = false;
  for (int i = 0; i < metadata->topic_cnt; ++i) found |= metadata->topics[i].topic == topic;
  rd_kafka_metadata_destroy(metadata);
  return found;
}

void Produce(rd_kafka_t* client, const KafkaRecord& record) {
  std::vector<rd_kafka_vu_t> parts;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    parts.push_back({.vtype = type});
    return parts.back();
  };
  const auto bytes = [](const std::string& text) { return const_cast<char*>(text.data()); };
  add(RD_KAFKA_VTYPE_TOPIC).u.cstr = record.topic.c_str();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition;
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
  add(RD_KAFKA_VTYPE_VALUE).u.mem = {record.null ? nullptr : bytes(record.value),
                                     record.value.size()};
  if (record.key) add(RD_KAFKA_VTYPE_KEY).u.mem = {bytes(*record.key), record.key->size()};
  for (const auto& [name, value] : record.headers) {
    add(RD_KAFKA_VTYPE_HEADER).u.header = {name.c_str(), value.data(),
                                           static_cast<ssize_t>(value.size())};
  }
  rd_kafka_error_t* error = rd_kafka_produceva(client, parts.data(), parts.size());
  EXPECT_EQ(error, nullptr) << rd_kafka_error_string(error);
  if (error != nullptr) rd_kafka_error_destroy(error);
}

}  // namespace

std::string KafkaRecord::Header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

bool KafkaAnswers(const std::string& address) {
  const Client client = Connect(RD_KAFKA_PRODUCER, address);
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client.get(), 0, nullptr, &metadata, 2000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return false;
  }
  rd_kafka_metadata_destroy(metadata);
  return true;
}

void CreateKafkaTopic(const std::string& address, const std::string& topic, int partitions,
                      const std::map<std::string, std::string>& settings) {
  const Client client = Connect(RD_KAFKA_PRODUCER, address);
  std::array<char, 512> text{};
  rd_kafka_NewTopic_t* made =
      rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text.data(), text.size());
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(made, name.c_str(), value.c_str());
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
  rd_kafka_CreateTopics(client.get(), &made, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  ASSERT_NE(event, nullptr);
  size_t count = 0;
  const auto* topics =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  ASSERT_EQ(count, 1U) << rd_kafka_event_error_string(event);
  EXPECT_EQ(rd_kafka_topic_result_error(topics[0]), RD_KAFKA_RESP_ERR_NO_ERROR)
      << rd_kafka_topic_result_error_string(topics[0]);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(made);
  EXPECT_EQ(PartitionsOf(client.get(), topic), partitions);
}

void DeleteKafkaTopic(const std::string& address, const std::string& topic) {
  const Client client = Connect(RD_KAFKA_PRODUCER, address);
  rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
  rd_kafka_DeleteTopics(client.get(), &gone, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_DeleteTopic_destroy(gone);
  EXPECT_TRUE(Eventually([&] { return !HasTopic(client.get(), topic); }));
}

void TrimKafkaTopic(const std::string& address, const std::string& topic, int64_t before) {
  const Client client = Connect(RD_KAFKA_PRODUCER, address);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), 0)->offset = before;
  rd_kafka_DeleteRecords_t* records = rd_kafka_DeleteRecords_new(list);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
  rd_kafka_DeleteRecords(client.get(), &records, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR)
      << rd_kafka_event_error_string(event);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_DeleteRecords_destroy(records);
  rd_kafka_topic_partition_list_destroy(list);
}

void ProduceToKafka(const std::string& address, const std::vector<KafkaRecord>& records) {
  const Client client =
      Connect(RD_KAFKA_PRODUCER, address, {{"enable.idempotence", "true"}, {"linger.ms", "5"}});
  for (const KafkaRecord& record : records) {
    Produce(client.get(), record);
    rd_kafka_poll(client.get(), 0);
  }
  EXPECT_EQ(rd_kafka_flush(client.get(), 60'000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

std::vector<KafkaRecord> ReadKafka(
    const std::string& address, const std::string& topic,
    const std::function<bool(const std::vector<KafkaRecord>&)>& enough) {
  const Client client = Connect(RD_KAFKA_CONSUMER, address,
                                {{"group.id", "test-reader"}, {"enable.auto.commit", "false"}});
  rd_kafka_poll_set_consumer(client.get());
  const int partitions = PartitionsOf(client.get(), topic);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(client.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
  std::vector<KafkaRecord> records;
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  // Asking may cost much: when nothing more is there at once, and now and then.
  size_t asked = 0;
  bool idle = true;
  while (!(idle || records.size() >= asked + 2'000) || !enough(records)) {
    if (idle || records.size() >= asked + 2'000) asked = records.size();
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << topic << ": " << records.size() << " records, and not enough";
      break;
    }
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), 50);
    idle = message == nullptr;
    if (idle) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) records.push_back(RecordOf(message));
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(client.get());
  return records;
}

std::vector<KafkaRecord> ReadKafka(const std::string& address, const std::string& topic,
                                   size_t count) {
  return ReadKafka(address, topic, [&](const auto& records) { return records.size() >= count; });
}

int64_t CommittedOffsets(const std::string& address, const std::string& group,
                         const std::string& topic, int partitions) {
  const Client client = Connect(RD_KAFKA_CONSUMER, address, {{"group.id", group}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i);
  }
  int64_t sum = 0;
  if (rd_kafka_committed(client.get(), list, 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    for (int i = 0; i < partitions; ++i) {
      if (list->elems[i].offset > 0) sum += list->elems[i].offset;
    }
  }
  rd_kafka_topic_partition_list_destroy(list);
  return sum;
}

}  // namespace postroad::testing
