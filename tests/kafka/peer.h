// What tests do on the other side of Kafka: make topics, produce, consume. Plain librdkafka.
#ifndef POSTROAD_TESTS_KAFKA_PEER_H_
#define POSTROAD_TESTS_KAFKA_PEER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postroad::testing {

struct KafkaRecord {
  std::string topic;
  int32_t partition = -1;  // -1, when producing: by the key
  int64_t offset = 0;
  std::optional<std::string> key;
  std::string value;
  bool null = false;  // null instead of a value
  std::vector<std::pair<std::string, std::string>> headers;

  std::string Header(const std::string& name) const;  // "" if there is none
};

// Whether a broker there answers a request for metadata.
bool KafkaAnswers(const std::string& address);

void CreateKafkaTopic(const std::string& address, const std::string& topic, int partitions,
                      const std::map<std::string, std::string>& settings = {});

// Returns once the brokers know it no more.
void DeleteKafkaTopic(const std::string& address, const std::string& topic);
// Deletes what is before the offset, as retention does.
void TrimKafkaTopic(const std::string& address, const std::string& topic, int64_t before);

// Produces and waits for Kafka's confirmation of all; a test failure if there is none.
void ProduceToKafka(const std::string& address, const std::vector<KafkaRecord>& records);

// What is in the topic, from its beginning: reads on until `enough` says so, or a test failure.
std::vector<KafkaRecord> ReadKafka(
    const std::string& address, const std::string& topic,
    const std::function<bool(const std::vector<KafkaRecord>&)>& enough);
std::vector<KafkaRecord> ReadKafka(const std::string& address, const std::string& topic,
                                   size_t count);

// The sum of the offsets that the group has committed for the topic.
int64_t CommittedOffsets(const std::string& address, const std::string& group,
                         const std::string& topic, int partitions);

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_KAFKA_PEER_H_
