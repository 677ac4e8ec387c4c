// Kafka is away for a whole minute, under load: longer than librdkafka waits for an answer, than a
// consumer's session lasts, and than a failed batch takes. A process of its own, so that the other
// tests run meanwhile.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "kafka/fixture.h"
#include "support/postgres.h"

namespace postroad::testing {
namespace {

constexpr std::chrono::seconds kAway{60};
constexpr int kKeys = 5;

// Posted and written all through, until told to stop.
class Load {
 public:
  Load(const ServerProcess& server, const std::string& url)
      : posting_([&] {
          // Both some hundreds a second.
          for (; !stop_; posted_ += 25) PostEvents(server, Numbered(posted_, posted_ + 25));
        }),
        writing_([this, url] {
          PgSession sql(url);
          for (; !stop_; written_ += 25) {
            sql.Run(
                "SELECT postroad_post('rows', i::text, key => 'k' || i % 5) FROM "
                "generate_series(" +
                std::to_string(written_) + ", " + std::to_string(written_ + 24) + ") i");
            sql.Run("BEGIN; SELECT postroad_post('rows', '9999999', key => 'never'); ROLLBACK");
            sql.Run("SELECT pg_sleep(0.05)");
          }
        }) {}
  ~Load() { Stop(); }

  void Stop() {
    stop_ = true;
    if (posting_.joinable()) posting_.join();
    if (writing_.joinable()) writing_.join();
  }
  int posted() const { return posted_; }
  int written() const { return written_; }

 private:
  static std::vector<Event> Numbered(int from, int to) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the rate of the load
    std::vector<Event> events;
    for (int i = from; i < to; ++i) events.push_back(NumberedEvent("posts", i, kKeys));
    return events;
  }

  std::atomic<bool> stop_ = false;
  std::atomic<int> posted_ = 0, written_ = 0;
  std::thread posting_, writing_;
};

auto AllBelow(int count) {
  return [count](const std::vector<KafkaRecord>& records) {
    std::set<int> numbers;
    for (const KafkaRecord& record : records) numbers.insert(std::atoi(record.value.c_str()));
    return static_cast<int>(numbers.size()) >= count;
  };
}

// From the outbox and from topics to Kafka, and from there back into the log.
TEST(AMinute, KafkaIsAwayUnderLoad) {
  POSTROAD_NEEDS_KAFKA();
  PostgresServer database;
  const std::string url = database.NewDatabase();
  const Ended installed = RunProgram({PostroadProgram(), "outbox", "install", "--url", url});
  ASSERT_EQ(installed.code, 0) << installed.output;
  KafkaBroker kafka;
  for (const char* topic : {"posts", "rows"}) CreateKafkaTopic(kafka.address(), topic, 3);
  const std::string brokers = "brokers = \"" + kafka.address() + "\"";
  ServerProcess server(
      {.config = "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url + "\"\nkafka = { " + brokers +
                 ", to = \"{topic}\", format = \"raw\" }\n"
                 "[[kafka.out]]\nname = \"out\"\ntopics = [\"posts\"]\nformat = \"raw\"\n"
                 "max_in_flight = 2000\n" +
                 brokers +
                 "\n[[kafka.in]]\nname = \"in\"\ntopics = [\"posts\", \"rows\"]\n"
                 "to = \"back/{kafka_topic}\"\nformat = \"raw\"\n" +
                 brokers + "\n"});
  ASSERT_TRUE(server.ready());
  const std::string back = "postroad_kafka_in_events_total{connector=\"in\"}";
  Load load(server, url);
  ASSERT_TRUE(Eventually([&] { return MetricOf(server, back) > 0; }));

  kafka.Kill();
  const int before = load.posted(), rows_before = load.written();
  const auto end = std::chrono::steady_clock::now() + kAway;
  double most = 0;
  while (std::chrono::steady_clock::now() < end) {
    most = std::max(most, MetricOf(server, "postroad_kafka_out_in_flight{connector=\"out\"}"));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  EXPECT_GT(load.posted(), before + 1000) << "nobody posted meanwhile";
  EXPECT_GT(load.written(), rows_before + 1000);
  EXPECT_GT(most, 0);
  EXPECT_LE(most, 2000) << "held in memory while Kafka is away";
  EXPECT_THAT(HttpGet(server.http(), "/readyz").body,
              ::testing::HasSubstr("kafka out out: not connected; "));
  EXPECT_THAT(HttpGet(server.http(), "/outbox").body,
              ::testing::HasSubstr("Kafka is out of reach"));
  kafka.Start();
  ASSERT_TRUE(Eventually([&] { return MetricOf(server, back) > before + rows_before + 1000; }));
  load.Stop();

  const int posted = load.posted(), written = load.written();
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(ReadKafka(kafka.address(), "posts", AllBelow(posted))),
                          posted, kKeys));
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(ReadKafka(kafka.address(), "rows", AllBelow(written))),
                          written, kKeys));
  // In the log each once, whatever Kafka has twice.
  EXPECT_TRUE(
      ExactlyOnce(NumbersByKey(ReadEvents(server, {"back/posts"}, static_cast<size_t>(posted))),
                  posted, kKeys));
  EXPECT_TRUE(
      ExactlyOnce(NumbersByKey(ReadEvents(server, {"back/rows"}, static_cast<size_t>(written))),
                  written, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
