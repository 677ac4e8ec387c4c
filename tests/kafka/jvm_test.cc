// Between Postroad and a JVM program with outbox-event-bus's message class and Jackson: the
// envelope, and the table recorded_events.
#include <sstream>

#include "kafka/fixture.h"
#include "support/postgres.h"

namespace postroad::testing {
namespace {

// The table's times have no zone: UTC's, as on servers.
Ended Peer(const std::string& what, const std::string& where, const std::string& topic, int count) {
  return RunProgram(
      JavaCommand("128m", {POSTROAD_KAFKA_PEER, what, where, topic, std::to_string(count)}),
      {{"TZ", "UTC"}});
}
Ended Peer(const std::string& what, const std::string& topic, int count) {
  return Peer(what, SharedKafka().address(), topic, count);
}

// The lines that begin so, without that.
std::vector<std::string> LinesOf(const std::string& output, const std::string& begin) {
  std::vector<std::string> lines;
  std::istringstream text(output);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(begin)) lines.push_back(line.substr(begin.size()));
  }
  return lines;
}
// An envelope but for its time, which in Kafka is that of sending.
std::string Timeless(std::string envelope) {
  const size_t at = envelope.find("\"timestamp\":\"");
  return envelope.erase(at, envelope.find("\",", at) + 2 - at);
}

TEST(JvmPeer, ReadsWhatWeWrite) {
  POSTROAD_NEEDS_KAFKA();
  CreateKafkaTopic(SharedKafka().address(), "to-jvm", 1);
  ServerProcess server({.config = "[[kafka.out]]\nname = \"out\"\nbrokers = \"" +
                                  SharedKafka().address() + "\"\ntopics = [\"to-jvm\"]\n"});
  Event event;
  event.topic = "to-jvm";
  event.id = "0190-7";
  event.key = "customer";
  event.type = "Paid";
  event.content_type = "application/json";
  event.payload = R"({"name":"Grüße, \"Anna\""})";
  event.headers = {{"region", "eu"}};
  PostEvents(server, {event});
  const Ended read = Peer("read", "to-jvm", 1);
  ASSERT_EQ(read.code, 0) << read.output;
  EXPECT_THAT(read.output,
              ::testing::HasSubstr(R"(READ customer {"topic":"to-jvm","uuid":"0190-7")"));
  EXPECT_THAT(
      read.output,
      ::testing::HasSubstr(
          R"("msgType":"Paid","mimeType":"application/json","payload":"{\"name\":\"Grüße, \\\"Anna\\\"\"}"})"));
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(JvmPeer, WritesWhatWeRead) {
  POSTROAD_NEEDS_KAFKA();
  CreateKafkaTopic(SharedKafka().address(), "from-jvm", 1);
  const Ended written = Peer("write", "from-jvm", 3);
  ASSERT_EQ(written.code, 0) << written.output;
  ServerProcess server({.config = "[[kafka.in]]\nname = \"in\"\nbrokers = \"" +
                                  SharedKafka().address() + "\"\ntopics = [\"from-jvm\"]\n"});
  const std::vector<Event> events = ReadEvents(server, {"from-jvm"}, 3);
  ASSERT_EQ(events.size(), 3U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(events[i].id, "jvm-" + std::to_string(i));
    EXPECT_EQ(events[i].type, "Written");
    EXPECT_EQ(events[i].content_type, "text/plain");
    EXPECT_EQ(events[i].payload, "grüße \"" + std::to_string(i) + "\"");
    EXPECT_EQ(events[i].time, *ParseTime("2026-01-31T08:00:00.25Z", {}));
  }
  EXPECT_EQ(server.Stop().code, 0);
}

// What the relay needs beside the table that is there.
void InstallBeside(const std::string& url) {
  const Ended installed = RunProgram(
      {PostroadProgram(), "outbox", "install", "--url", url, "--layout", "recorded_events"});
  ASSERT_EQ(installed.code, 0) << installed.output;
}

// Its producer's half by the JVM, the relay ours, its consumer's half by the JVM again.
TEST(JvmPeer, ItsTableThroughOurRelayToItsConsumer) {
  POSTROAD_NEEDS_KAFKA();
  PostgresServer database(PostgresServer::WithPort{});
  const std::string url = database.NewDatabase(), jdbc = database.JdbcUrlOf(url);
  CreateKafkaTopic(SharedKafka().address(), "recorded", 1);
  const Ended stored = Peer("store", jdbc, "recorded", 20);
  ASSERT_EQ(stored.code, 0) << stored.output;
  const std::vector<std::string> events = LinesOf(stored.output, "STORED ");
  ASSERT_EQ(events.size(), 20U) << stored.output;
  InstallBeside(url);
  ServerProcess server({.config = "[[outbox.source]]\nname = \"old\"\nurl = \"" + url +
                                  "\"\nlayout = \"recorded_events\"\nkafka = { brokers = \"" +
                                  SharedKafka().address() + "\" }\n"});
  const Ended read = Peer("read", "recorded", 20);
  ASSERT_EQ(read.code, 0) << read.output;
  const std::vector<std::string> came = LinesOf(read.output, "READ null ");
  ASSERT_EQ(came.size(), 20U) << read.output;
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(Timeless(came[i]), Timeless(events[i]));
    EXPECT_THAT(events[i], ::testing::HasSubstr("\"Stored\""));
  }
  // What the relay wrote into the table is what the library would have: none is ready any more.
  PgSession sql(url);
  EXPECT_TRUE(Eventually(
      [&] { return sql.One("SELECT count(*) FROM recorded_events WHERE NOT delivered") == "0"; }));
  const Ended fetched = Peer("fetch", jdbc, "recorded", 100);
  EXPECT_EQ(LinesOf(fetched.output, "DELIVERED "), events) << fetched.output;
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(JvmPeer, ItsTableIntoOurLog) {
  POSTROAD_NEEDS_KAFKA();
  PostgresServer database(PostgresServer::WithPort{});
  const std::string url = database.NewDatabase(), jdbc = database.JdbcUrlOf(url);
  const Ended stored = Peer("store", jdbc, "recorded", 20);
  ASSERT_EQ(stored.code, 0) << stored.output;
  InstallBeside(url);
  ServerProcess server({.config = "[[outbox.source]]\nname = \"old\"\nurl = \"" + url +
                                  "\"\nlayout = \"recorded_events\"\n"});
  const std::vector<Event> events = ReadEvents(server, {"recorded"}, 20);
  ASSERT_EQ(events.size(), 20U);
  const std::vector<std::string> lines = LinesOf(stored.output, "STORED ");
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_THAT(lines[i], ::testing::HasSubstr("\"uuid\":\"" + events[i].id + "\""));
    EXPECT_EQ(events[i].type, "Stored");
    EXPECT_EQ(events[i].content_type, "application/json");
    EXPECT_EQ(events[i].payload, "[\"grüße\"," + std::to_string(i) + "]");
    EXPECT_EQ(events[i].time, *ParseTime("2026-01-31T08:00:00.25Z", {}));
  }
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
