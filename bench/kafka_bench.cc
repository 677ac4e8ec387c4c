// Events a second to and from a real Kafka broker, beside librdkafka's own bare producer and
// consumer in the same run: ours and bare in turns, the median counts. `./dev bench kafka` runs it.
//
//   kafka_bench [events] [rounds]
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <thread>

#include "kafka/fixture.h"

namespace postroad::testing {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr size_t kPayloadBytes = 256;
constexpr int kPartitions = 4;

int events = 300'000;

rd_kafka_t* Client(rd_kafka_type_t type, const std::string& address,
                   const std::map<std::string, std::string>& properties) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> error{};
  rd_kafka_conf_set(conf, "bootstrap.servers", address.c_str(), error.data(), error.size());
  for (const auto& [name, value] : properties) {
    rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error.data(), error.size());
  }
  return rd_kafka_new(type, conf, error.data(), error.size());
}

// Messages a second, all confirmed; idempotent with acks=all, as ours.
double BareProducer(const std::string& address, const std::string& topic) {
  rd_kafka_t* client = Client(RD_KAFKA_PRODUCER, address,
                              {{"enable.idempotence", "true"},
                               {"linger.ms", "2"},
                               {"queue.buffering.max.messages", "10000000"}});
  const std::string payload(kPayloadBytes, 'x');
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < events; ++i) {
    const std::string key = "k" + std::to_string(i % 100);
    std::array<rd_kafka_vu_t, 4> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[1].u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
    parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[2].u.mem = {const_cast<char*>(payload.data()), payload.size()};
    parts[3].vtype = RD_KAFKA_VTYPE_KEY;
    parts[3].u.mem = {const_cast<char*>(key.data()), key.size()};
    rd_kafka_produceva(client, parts.data(), parts.size());
    rd_kafka_poll(client, 0);
  }
  rd_kafka_flush(client, 120'000);
  const Seconds took = std::chrono::steady_clock::now() - begin;
  rd_kafka_destroy(client);
  return events / took.count();
}

// Messages a second, from the first poll.
double BareConsumer(const std::string& address, const std::string& topic,
                    const std::string& group) {
  rd_kafka_t* client =
      Client(RD_KAFKA_CONSUMER, address, {{"group.id", group}, {"auto.offset.reset", "earliest"}});
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic.c_str(), RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(client, topics);
  rd_kafka_topic_partition_list_destroy(topics);
  auto begin = std::chrono::steady_clock::now();
  for (int seen = 0; seen < events;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client, 1000);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && seen++ == 0) {
      begin = std::chrono::steady_clock::now();
    }
    rd_kafka_message_destroy(message);
  }
  const Seconds took = std::chrono::steady_clock::now() - begin;
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
  return events / took.count();
}

// From the first event that the metric counts to the last.
double RateOf(const ServerProcess& server, const std::string& metric) {
  double first = 0;
  std::chrono::steady_clock::time_point begin;
  while (true) {
    const double count = MetricOf(server, metric);
    const auto now = std::chrono::steady_clock::now();
    if (count > 0 && first == 0) {
      first = count;
      begin = now;
    }
    if (count >= events) return (events - first) / Seconds(now - begin).count();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// A backlog of the log to Kafka.
double Out(ServerProcess& server) {
  return RateOf(server, "postroad_kafka_out_events_total{connector=\"bench\"}");
}

std::string Connector(const std::string& direction, const KafkaBroker& kafka,
                      const std::string& topic) {
  return "[[kafka." + direction + "]]\nname = \"bench\"\nbrokers = \"" + kafka.address() +
         "\"\ntopics = [\"" + topic + "\"]\nformat = \"raw\"\n" +
         (direction == "out" ? "start = \"beginning\"\n" : "");
}

void Fill(const std::string& data, const std::string& topic) {
  ServerProcess server({.data = data});
  std::vector<Event> batch(10'000);
  for (int i = 0; i < events; i += 10'000) {
    for (int j = 0; j < 10'000; ++j) {
      batch[j] = NumberedEvent(topic, i + j, 100);
      batch[j].payload.assign(kPayloadBytes, 'x');
    }
    PostEvents(server, batch);
  }
  server.Stop();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Print(const char* name, const std::vector<double>& ours, const std::vector<double>& bare) {
  std::printf("| %s | %.0f/s | %.0f/s | %.2f |\n", name, Median(ours), Median(bare),
              Median(ours) / Median(bare));
}

void Run(int rounds) {
  KafkaBroker kafka;
  std::vector<double> out, producer, in, consumer;
  for (int round = 0; round < rounds; ++round) {
    const std::string n = std::to_string(round);
    CreateKafkaTopic(kafka.address(), "ours" + n, kPartitions);
    CreateKafkaTopic(kafka.address(), "bare" + n, kPartitions);
    TempFolder folder;
    Fill(folder / "data", "ours" + n);
    {
      ServerProcess server(
          {.data = folder / "data", .config = Connector("out", kafka, "ours" + n)});
      out.push_back(Out(server));
    }
    producer.push_back(BareProducer(kafka.address(), "bare" + n));
    {
      ServerProcess server({.config = Connector("in", kafka, "bare" + n)});
      in.push_back(RateOf(server, "postroad_kafka_in_events_total{connector=\"bench\"}"));
    }
    consumer.push_back(BareConsumer(kafka.address(), "bare" + n, "bare" + n));
  }
  std::printf(
      "%d events of %zu B, %d rounds\n\n| what | Postroad | bare librdkafka | ratio |\n"
      "|---|---|---|---|\n",
      events, kPayloadBytes, rounds);
  Print("log to Kafka, confirmed", out, producer);
  Print("Kafka to log, durable", in, consumer);
}

}  // namespace
}  // namespace postroad::testing

int main(int count, char** words) {
  if (!postroad::testing::HasKafka()) {
    std::puts("there is no Kafka broker on this machine; ./dev install gets it");
    return 77;
  }
  if (count > 1)
    postroad::testing::events = std::max(10'000, std::atoi(words[1]) / 10'000 * 10'000);
  postroad::testing::Run(count > 2 ? std::max(1, std::atoi(words[2])) : 3);
}
