// What the tests of the bridge share: a Kafka broker, servers with connectors, and clients of them.
#ifndef POSTROAD_TESTS_KAFKA_FIXTURE_H_
#define POSTROAD_TESTS_KAFKA_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/event.h"
#include "kafka/broker.h"
#include "kafka/peer.h"
#include "postroad/client.h"
#include "postroad/publisher.h"
#include "support/server_process.h"

namespace postroad::testing {

// Event i of a test: key k<i % keys>, payload i.
Event NumberedEvent(const std::string& topic, int i, int keys);
// The numbers that each key has, in the order of the records; of an envelope or a raw value.
std::map<std::string, std::vector<int>> NumbersByKey(const std::vector<KafkaRecord>& records);
std::map<std::string, std::vector<int>> NumbersByKey(const std::vector<Event>& events);
// Whether each key has exactly its numbers below `count`, once and rising.
::testing::AssertionResult ExactlyOnce(const std::map<std::string, std::vector<int>>& numbers,
                                       int count, int keys);
// Whether each key has all its numbers, the first time each rising: what came again came later.
::testing::AssertionResult AtLeastOnce(const std::map<std::string, std::vector<int>>& numbers,
                                       int count, int keys);

void PostEvents(const ServerProcess& server, const std::vector<Event>& events);
// Everything in the topics, once there are `count` events.
std::vector<Event> ReadEvents(const ServerProcess& server, const std::vector<std::string>& topics,
                              size_t count);
// How many events the log has of a topic.
int LogHas(const ServerProcess& server, const std::string& topic);
Client ClientOf(const ServerProcess& server);
// The value of a metric's line that begins with `line` ("postroad_x{connector=\"a\"}"); -1: none.
double MetricOf(const ServerProcess& server, const std::string& line);

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_KAFKA_FIXTURE_H_
