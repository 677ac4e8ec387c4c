// The envelope between Postroad and a JVM program with outbox-event-bus's message class and
// Jackson.
#include "kafka/fixture.h"

namespace postroad::testing {
namespace {

Ended Peer(const std::string& what, const std::string& topic, int count) {
  return RunProgram(JavaCommand(
      "128m", {POSTROAD_KAFKA_PEER, what, SharedKafka().address(), topic, std::to_string(count)}));
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

}  // namespace
}  // namespace postroad::testing
