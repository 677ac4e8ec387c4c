// Events through a real Kafka broker and back, in each format.
#include <algorithm>

#include "kafka/fixture.h"

namespace postroad::testing {
namespace {

std::string OutSettings(const KafkaBroker& kafka, const std::string& more) {
  return "[[kafka.out]]\nname = \"out\"\nbrokers = \"" + kafka.address() +
         "\"\ntopics = [\"orders\", \"user/*\"]\n" + more;
}

// All fields that an event can have, and a payload that is no text.
Event FullEvent(const std::string& topic, const std::string& payload) {
  Event event;
  event.topic = topic;
  event.id = "01890a5d-ac96-774b-bcce-b302099a8057";
  event.key = "customer-7";
  event.type = "order.paid";
  event.content_type = "text/plain";
  event.payload = payload;
  event.headers = {{"region", "eu"},
                   {"X-Upper", "also"},
                   {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  event.time = *ParseTime("2026-01-31T08:00:00.25Z", {});
  return event;
}

struct FormatCase {
  std::string out, in;
};
class RoundTrip : public ::testing::TestWithParam<FormatCase> {};

TEST_P(RoundTrip, KeepsEveryField) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  const std::string topic = GetParam().out + ".user.7";
  CreateKafkaTopic(kafka.address(), topic, 2);
  ServerOptions options;
  options.config = OutSettings(kafka, "to = \"" + GetParam().out +
                                          ".{topic}\"\nstart = \"beginning\"\nformat = \"" +
                                          GetParam().out + "\"\n") +
                   "[[kafka.in]]\nname = \"in\"\nbrokers = \"" + kafka.address() +
                   "\"\ntopics = [\"" + topic + "\"]\nto = \"back/{event_topic}\"\nformat = \"" +
                   GetParam().in + "\"\n";
  ServerProcess server(options);
  Event text = FullEvent("user/7", "paid \"in\" full\n");
  Event bytes = FullEvent("user/7", std::string("\x00\xff\xfe{", 4));
  bytes.id = "second";
  bytes.content_type = "application/octet-stream";
  Event json = FullEvent("user/7", R"({"amount":12345678901234567890,"list":[1,2]})");
  json.id = "third";
  json.content_type = "application/json";
  PostEvents(server, {text, bytes, json});

  std::vector<Event> back = ReadEvents(server, {"back/*"}, 3);
  ASSERT_EQ(back.size(), 3U);
  std::vector<Event> sent = {text, bytes, json};
  for (size_t i = 0; i < 3; ++i) {
    sent[i].topic = "back/user/7";
    std::ranges::sort(sent[i].headers);
    std::ranges::sort(back[i].headers);
    // An envelope's time is that of sending; ours goes beside it.
    EXPECT_EQ(back[i].id, sent[i].id);
    EXPECT_EQ(back[i].topic, sent[i].topic);
    EXPECT_EQ(back[i].key, sent[i].key);
    EXPECT_EQ(back[i].type, sent[i].type);
    EXPECT_EQ(back[i].content_type, sent[i].content_type);
    EXPECT_EQ(back[i].headers, sent[i].headers);
    EXPECT_EQ(back[i].time, sent[i].time);
  }
  EXPECT_EQ(back[0].payload, sent[0].payload);
  EXPECT_EQ(back[1].payload, sent[1].payload);
  EXPECT_EQ(back[2].payload, sent[2].payload);
  EXPECT_EQ(server.Stop().code, 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip,
                         ::testing::Values(FormatCase{"envelope", "envelope"},
                                           FormatCase{"cloudevents-structured", "cloudevents"},
                                           FormatCase{"cloudevents-binary", "cloudevents"},
                                           FormatCase{"raw", "raw"}),
                         [](const auto& info) {
                           std::string name = info.param.out;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace postroad::testing
