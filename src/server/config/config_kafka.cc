// The declarations of the settings of Kafka connectors.
#include "server/config/config.h"

namespace postroad::server {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

std::vector<std::pair<std::string, kafka::Format>> OutFormats() {
  using kafka::Format;
  return {{"envelope", Format::kEnvelope},
          {"cloudevents-structured", Format::kCloudEventsStructured},
          {"cloudevents-binary", Format::kCloudEventsBinary},
          {"raw", Format::kRaw}};
}

constexpr const char* kConnectionText =
    "The name of a [[kafka.connection]], whose brokers and properties these are, too; instead of "
    "`brokers`.";

}  // namespace

Settings DeclareKafkaConnection(KafkaConnection& connection) {
  Settings settings;
  settings.Text("name", "What others call it by.", connection.name);
  settings.Text("brokers", "Kafka brokers to begin with: `host:port`, separated by commas.",
                connection.brokers);
  return settings;
}

Settings DeclareOutboxRoute(OutboxRouteText& route) {
  Settings settings;
  settings.List("topics",
                "The topics, after `topic_prefix`, that go here; `*` stands for any characters.",
                route.topics);
  return settings;
}

Settings DeclareOutboxKafka(kafka::TargetOptions& target) {
  Settings settings;
  settings.Text("kafka.brokers",
                "With it, or with `kafka.connection`, events go to Kafka, and not to the log: "
                "`host:port`, separated by commas. `kafka.properties` are those of [[kafka.out]].",
                target.brokers);
  settings.Text("kafka.connection", kConnectionText, target.connection);
  settings.Text("kafka.to", "The Kafka topic, or template, as in [[kafka.out]].", target.to);
  settings.Choice<kafka::Format>("kafka.format", "What a message's value and headers hold.",
                                 target.format, OutFormats());
  settings.Time("kafka.send_timeout", "Events that Kafka has not confirmed by then go again.",
                target.send_timeout, {std::chrono::milliseconds(100), std::chrono::hours(1)});
  return settings;
}

Settings DeclareKafkaOut(kafka::OutOptions& out) {
  using kafka::Format;
  Settings settings;
  settings.Text("name", "The connector's name; its position is the subscription `kafka/<name>`.",
                out.name);
  settings.Text("brokers", "Kafka brokers to begin with: `host:port`, separated by commas.",
                out.brokers);
  settings.Text("connection", kConnectionText, out.connection);
  settings.List("topics", "The topics it sends; `*` stands for any characters.", out.topics);
  settings.Text("to",
                "The Kafka topic; `{topic}` stands for the event's topic, in which `/` becomes `.` "
                "and what else Kafka does not allow `_`.",
                out.to);
  settings.Choice<Format>("format", "What a message's value and headers hold.", out.format,
                          OutFormats());
  settings.Choice<kafka::OutStart>(
      "start", "Where it begins when it is started for the first time.", out.start,
      {{"end", kafka::OutStart::kEnd}, {"beginning", kafka::OutStart::kBeginning}});
  settings.Choice<kafka::OnRejected>(
      "on_rejected",
      "What becomes of an event that Kafka will never take: a dead letter, or nothing goes on "
      "behind it until Kafka takes it.",
      out.on_rejected,
      {{"dead_letter", kafka::OnRejected::kDeadLetter}, {"stop", kafka::OnRejected::kStop}});
  settings.Count("max_in_flight", "Events sent and not yet confirmed.", out.max_in_flight,
                 {1, 1'000'000});
  settings.Bytes("max_in_flight_bytes", "The bytes of them.", out.max_in_flight_bytes,
                 {kMiB, 16 * kGiB});
  return settings;
}

Settings DeclareKafkaIn(kafka::InOptions& in) {
  using kafka::Backpressure;
  using kafka::CommitMode;
  using kafka::Format;
  Settings settings;
  settings.Text("name", "The connector's name.", in.name);
  settings.Text("brokers", "Kafka brokers to begin with: `host:port`, separated by commas.",
                in.brokers);
  settings.Text("connection", kConnectionText, in.connection);
  settings.Text("group", "The consumer group; empty: `postroad-<name>`.", in.group);
  settings.List("topics", "Kafka topics; one that begins with `^` is a regular expression.",
                in.topics);
  settings.Text("to",
                "The topic; `{kafka_topic}` stands for Kafka's, `{event_topic}` for the one that "
                "the message itself names.",
                in.to);
  settings.Choice<Format>(
      "format", "What a message's value and headers hold; CloudEvents in either mode.", in.format,
      {{"envelope", Format::kEnvelope},
       {"cloudevents", Format::kCloudEventsStructured},
       {"raw", Format::kRaw}});
  settings.Text("id_header", "The header whose value is the event's id, where it is there.",
                in.id_header);
  settings.Choice<kafka::InStart>(
      "start", "Where it begins where its group has committed nothing.", in.start,
      {{"earliest", kafka::InStart::kEarliest}, {"latest", kafka::InStart::kLatest}});
  settings.Choice<CommitMode>(
      "commit_mode",
      "When offsets are committed, always after the events are durable. AutoCommit needs the "
      "properties enable.auto.commit=true and auto.commit.interval.ms.",
      in.commit_mode,
      {{"AutoCommit", CommitMode::kAutoCommit},
       {"EndOfBatchCommit", CommitMode::kEndOfBatchCommit},
       {"MessageCommit", CommitMode::kMessageCommit}});
  settings.Choice<Backpressure>("backpressure",
                                "What happens while messages come faster than they can be stored.",
                                in.backpressure,
                                {{"pause", Backpressure::kPause},
                                 {"error", Backpressure::kError},
                                 {"buffer", Backpressure::kBuffer},
                                 {"drop", Backpressure::kDrop},
                                 {"latest", Backpressure::kLatest}});
  settings.Count("batch_events", "Messages stored at once.", in.batch_events, {1, 10'000});
  settings.Count("buffer_events", "Messages read and not yet stored: more are backpressure.",
                 in.buffer_events, {1, 1'000'000});
  settings.Bytes("buffer_bytes", "The bytes of them.", in.buffer_bytes, {kMiB, 16 * kGiB});
  settings.Text("dead_letter_topic",
                "The topic for messages that are no events; empty: `dead/kafka/<name>`.",
                in.dead_letter_topic);
  return settings;
}

}  // namespace postroad::server
