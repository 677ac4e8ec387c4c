// The machine's clock is set forwards and back by days, while rows go from a database to the log,
// from there to Kafka, and back: nothing waits for a time that is no more, nothing is lost, and
// nothing comes twice. The server's clock is one that the test sets.
#include "runtime/clock.h"
#include "kafka/fixture.h"
#include "support/postgres.h"
#include "support/settable_clock.h"

namespace postroad::testing {
namespace {

using std::chrono_literals::operator""h;

constexpr int kKeys = 5;

TEST(Clock, JumpsForwardsAndBackUnderLoad) {
  POSTROAD_NEEDS_KAFKA();
  PostgresServer database;
  const std::string url = database.NewDatabase();
  const Ended installed = RunProgram({PostroadProgram(), "outbox", "install", "--url", url});
  ASSERT_EQ(installed.code, 0) << installed.output;
  CreateKafkaTopic(SharedKafka().address(), "jumps", 3);
  TempFolder folder;
  SettableClock clock(folder / "clock");
  const std::string brokers = "brokers = \"" + SharedKafka().address() + "\"\n";
  ServerProcess server(
      {.config =
           "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url +
           "\"\n[[kafka.out]]\nname = \"out\"\nstart = \"beginning\"\ntopics = [\"jumps\"]\n" +
           brokers + "[[kafka.in]]\nname = \"in\"\ntopics = [\"jumps\"]\n" +
           "to = \"back/{kafka_topic}\"\n" + brokers,
       .variables = clock.Variables()});
  ASSERT_TRUE(server.ready());
  PgSession sql(url);
  int written = 0;
  const auto write = [&](int count) {
    for (const int end = written + count; written < end; written += 10) {
      sql.Run("SELECT postroad_post('jumps', i::text, key => 'k' || i % 5) FROM generate_series(" +
              std::to_string(written) + ", " + std::to_string(written + 9) + ") i");
    }
  };
  const auto back = [&] {
    return MetricOf(server, "postroad_kafka_in_events_total{connector=\"in\"}");
  };
  const int each = Scaled(1'000);
  double delays = 0;
  for (const std::chrono::hours ahead : {0h, -72h, 48h, 1h, 0h}) {
    write(each);
    clock.Set(ahead);
    write(each);
    EXPECT_TRUE(Eventually([&] { return back() == written; })) << ahead.count() << " h: " << back();
    const double sum = MetricOf(server, "postroad_outbox_delay_seconds_sum{source=\"shop\"}");
    EXPECT_GE(sum, delays) << "no event takes less than no time";
    delays = sum;
  }
  EXPECT_TRUE(
      ExactlyOnce(NumbersByKey(ReadEvents(server, {"back/jumps"}, static_cast<size_t>(written))),
                  written, kKeys));
  // It did jump: the envelope says when it was sent.
  int ahead = 0, behind = 0;
  const Timestamp now = SystemClock().Now();
  for (const KafkaRecord& record :
       ReadKafka(SharedKafka().address(), "jumps", static_cast<size_t>(written))) {
    const std::string name = "\"timestamp\":\"";
    const size_t at = record.value.find(name) + name.size();
    const auto sent = ParseTime(record.value.substr(at, record.value.find('"', at) - at), {});
    ASSERT_TRUE(sent) << record.value;
    ahead += *sent > now + std::chrono::hours(24);
    behind += *sent < now - std::chrono::hours(24);
  }
  EXPECT_GT(ahead, 0);
  EXPECT_GT(behind, 0);
  EXPECT_EQ(MetricOf(server, "postroad_kafka_restarts_total{connector=\"out\"}"), 0);
  EXPECT_EQ(MetricOf(server, "postroad_kafka_restarts_total{connector=\"in\"}"), 0);
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
