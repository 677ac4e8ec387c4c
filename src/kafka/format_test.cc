// Messages in each format, without a broker: what is written, byte for byte where others read it,
// and what is refused.
#include "kafka/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kafka/topic_names.h"

namespace postroad::kafka {
namespace {

using ::testing::HasSubstr;

const Timestamp kNow = *ParseTime("2026-01-31T08:00:00.25Z", {});

Event Paid() {
  Event event;
  event.id = "u-1";
  event.topic = "orders";
  event.key = "k";
  event.type = "paid";
  event.content_type = "text/plain";
  event.payload = "a \"b\"\n";
  event.headers = {{"region", "eu"}};
  return event;
}

Message Encoded(Format format, const Event& event) {
  Message message;
  EncodeMessage(format, ViewOf(event), kNow, message);
  return message;
}

MessageView Value(std::string_view value) { return {.topic = "t", .value = value}; }

std::string Problem(Format format, const MessageView& message) {
  const auto event = DecodeMessage(format, message, {});
  return event ? "taken" : event.error().ToString();
}

TEST(Envelope, IsTheSixStrings) {
  EXPECT_EQ(
      Encoded(Format::kEnvelope, Paid()).value,
      R"({"topic":"orders","uuid":"u-1","timestamp":"2026-01-31T08:00:00.25Z","msgType":"paid",)"
      R"("mimeType":"text/plain","payload":"a \"b\"\n"})");
}

TEST(Envelope, MarksBytesThatAreNoText) {
  Event event = Paid();
  event.payload = std::string("\xff\x00", 2);
  EXPECT_THAT(Encoded(Format::kEnvelope, event).value,
              HasSubstr(R"("payload":"/wA=","payloadEncoding":"base64"})"));
}

TEST(Envelope, RefusesWhatIsNone) {
  const auto problem = [](std::string_view value) {
    return Problem(Format::kEnvelope, Value(value));
  };
  EXPECT_THAT(problem("hello"), HasSubstr("is no JSON"));
  EXPECT_THAT(problem("[]"), HasSubstr("is no JSON object"));
  EXPECT_THAT(problem(R"({"topic":"t","payload":""})"), HasSubstr("uuid: is needed"));
  EXPECT_THAT(problem(R"({"uuid":"u","payload":""})"), HasSubstr("topic: is needed"));
  EXPECT_THAT(problem(R"({"uuid":"u","topic":"t"})"), HasSubstr("payload: is needed"));
  EXPECT_THAT(problem(R"({"uuid":1,"topic":"t","payload":""})"), HasSubstr("uuid: must be a"));
  EXPECT_THAT(problem(R"({"uuid":"u","topic":"t","timestamp":"today","payload":""})"),
              HasSubstr("timestamp: "));
  EXPECT_THAT(problem(R"({"uuid":"u","topic":"t","payload":"!","payloadEncoding":"base64"})"),
              HasSubstr("payload: is not base64"));
}

TEST(CloudEvents, StructuredIsOneJsonObject) {
  const Message message = Encoded(Format::kCloudEventsStructured, Paid());
  EXPECT_EQ(
      message.value,
      R"({"specversion":"1.0","id":"u-1","source":"/orders","type":"paid","partitionkey":"k",)"
      R"("region":"eu","datacontenttype":"text/plain","data":"a \"b\"\n"})");
  EXPECT_EQ(message.headers.front().second, "application/cloudevents+json; charset=UTF-8");
}

TEST(CloudEvents, BinaryHasItsAttributesInHeaders) {
  const Message message = Encoded(Format::kCloudEventsBinary, Paid());
  EXPECT_EQ(message.value, Paid().payload);
  using Header = std::pair<std::string, std::string>;
  EXPECT_THAT(
      message.headers,
      ::testing::IsSupersetOf({Header{"ce_specversion", "1.0"}, Header{"ce_id", "u-1"},
                               Header{"ce_source", "/orders"}, Header{"ce_type", "paid"},
                               Header{"ce_region", "eu"}, Header{"content-type", "text/plain"}}));
}

TEST(CloudEvents, RefusesWhatIsNone) {
  EXPECT_THAT(Problem(Format::kCloudEventsBinary, Value("x")), HasSubstr("is no CloudEvent"));
  MessageView structured = Value(R"({"specversion":"0.3","id":"a"})");
  structured.headers = {{"content-type", "application/cloudevents+json"}};
  EXPECT_THAT(Problem(Format::kCloudEventsBinary, structured), HasSubstr("specversion"));
  structured.value = R"({"specversion":"1.0","id":"a","type":"t"})";
  EXPECT_THAT(Problem(Format::kCloudEventsBinary, structured), HasSubstr("source: is needed"));
}

TEST(Decode, KeepsBytesOfKeysAndHeadersAsBase64) {
  MessageView message = Value("v");
  message.key = std::string_view("\xff\x00", 2);
  message.headers = {{"trace", "\xfe"}, {"a", "1"}, {"a", "2"}};
  const auto event = DecodeMessage(Format::kRaw, message, {});
  ASSERT_TRUE(event);
  EXPECT_EQ(event->key, "/wA=");
  using Header = std::pair<std::string, std::string>;
  EXPECT_THAT(event->headers, ::testing::UnorderedElementsAre(
                                  Header{"kafka-key.encoding", "base64"}, Header{"trace", "/g=="},
                                  Header{"trace.encoding", "base64"}, Header{"a", "2"}));
}

TEST(Decode, TakesTheIdOfTheNamedHeader) {
  MessageView message = Value("v");
  message.headers = {{"message-id", "m-7"}};
  EXPECT_EQ(DecodeMessage(Format::kRaw, message, "message-id")->id, "m-7");
  EXPECT_EQ(DecodeMessage(Format::kRaw, message, "other")->id, "");
}

// In every format, there and back.
TEST(Tombstones, AreWithoutAValueAndKeepTheirId) {
  for (const Format format : {Format::kEnvelope, Format::kCloudEventsStructured,
                              Format::kCloudEventsBinary, Format::kRaw}) {
    Event event = Paid();
    event.payload.clear();
    event.headers.emplace_back(kTombstoneHeader, "true");
    const Message message = Encoded(format, event);
    EXPECT_TRUE(message.tombstone);
    EXPECT_EQ(message.value, "");
    MessageView view{.topic = "t", .key = *message.key, .tombstone = true};
    view.headers.assign(message.headers.begin(), message.headers.end());
    const auto back = DecodeMessage(format, view, {});
    ASSERT_TRUE(back) << back.error().ToString();
    EXPECT_EQ(back->id, "u-1");
    EXPECT_EQ(back->topic, "orders");
    EXPECT_EQ(back->key, "k");
    EXPECT_EQ(ViewOf(*back).Header(kTombstoneHeader), "true");
    EXPECT_EQ(ViewOf(*back).Header("region"), "eu");
  }
  Event event = Paid();
  event.headers.emplace_back(kTombstoneHeader, "true");
  EXPECT_FALSE(Encoded(Format::kRaw, event).tombstone) << "it has a payload";
  const auto bare = DecodeMessage(
      Format::kEnvelope, {.topic = "t", .key = std::string_view("k"), .tombstone = true}, {});
  ASSERT_TRUE(bare) << bare.error().ToString();
  EXPECT_EQ(bare->id + bare->topic + bare->payload, "");
}

TEST(CloudEvents, AreToldApartBySourceAndId) {
  const auto id = [](std::string_view source, const std::string& own) {
    Event event;
    event.id = own;
    AddSourceToId(source, event);
    return event.id;
  };
  EXPECT_EQ(id("/bank/a", "1"), "/bank/a#1");
  EXPECT_NE(id("/bank/a", "1"), id("/bank/b", "1"));
  EXPECT_EQ(id("/bank/a", "01890A5D-ac96-774b-bcce-b302099a8057"),
            "01890A5D-ac96-774b-bcce-b302099a8057");
  const std::string far(300, 's');
  EXPECT_EQ(id(far, "1").size(), 36U);
  EXPECT_NE(id(far, "1"), id(far, "2"));
}

// In Python: uuid.uuid5(uuid.NAMESPACE_URL, "kafka://c/t/3/42/1500/" +
// sha256(b"1:kv").hexdigest()).
TEST(IdFromRecord, IsOfTheMessageAlone) {
  const MessageView message{.topic = "t",
                            .partition = 3,
                            .offset = 42,
                            .key = "k",
                            .value = "v",
                            .time = Timestamp(std::chrono::milliseconds(1500))};
  EXPECT_EQ(IdFromRecord("c", message), "6f1dba33-c5a9-59ee-8a20-41f043ba07ec");
  std::set<std::string> ids = {IdFromRecord("c", message), IdFromRecord("d", message)};
  const auto with = [&](const auto& change) {
    MessageView other = message;
    change(other);
    ids.insert(IdFromRecord("c", other));
  };
  with([](MessageView& other) { other.offset = 43; });
  with([](MessageView& other) { other.partition = 4; });
  with([](MessageView& other) { other.time += std::chrono::milliseconds(1); });
  with([](MessageView& other) { other.value = "w"; });
  with([](MessageView& other) { other.key = "j"; });
  with([](MessageView& other) { other.key = std::nullopt; });
  with([](MessageView& other) { other.key = "kv", other.value = ""; });
  EXPECT_EQ(ids.size(), 9U);
}

TEST(TopicNames, FollowKafkasRules) {
  EXPECT_EQ(KafkaTopicFor("shop.{topic}", "user/7/ä"), "shop.user.7.__");
  EXPECT_TRUE(CheckOutTemplate("a_b-{topic}.c"));
  EXPECT_FALSE(CheckOutTemplate("a/{topic}"));
  EXPECT_FALSE(CheckOutTemplate(""));
  EXPECT_FALSE(CheckOutTemplate(".."));
  EXPECT_EQ(*TopicFor("in/{kafka_topic}", "t", ""), "in/t");
  EXPECT_FALSE(TopicFor("{event_topic}", "t", ""));
  EXPECT_FALSE(TopicFor("{event_topic}", "t", "_dead/x"));
  EXPECT_FALSE(TopicFor("{event_topic}", "t", "a b"));
}

}  // namespace
}  // namespace postroad::kafka
