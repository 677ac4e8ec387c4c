// A JVM's side of the envelope: the message class of outbox-event-bus with Jackson and Kafka's own
// client. Unknown members are refused, as Jackson does unless told otherwise.
//
//   java -cp '<jars>/*' Peer.java read <brokers> <topic> <count>    prints a line of JSON a message
//   java -cp '<jars>/*' Peer.java write <brokers> <topic> <count>   writes that many

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Peer {
  public static final class Envelope {
    public final String topic;
    public final String uuid;
    public final String timestamp;
    public final String msgType;
    public final String mimeType;
    public final String payload;

    @JsonCreator
    public Envelope(
        @JsonProperty(value = "topic", required = true) String topic,
        @JsonProperty(value = "uuid", required = true) String uuid,
        @JsonProperty(value = "timestamp", required = true) String timestamp,
        @JsonProperty(value = "msgType", required = true) String msgType,
        @JsonProperty(value = "mimeType", required = true) String mimeType,
        @JsonProperty(value = "payload", required = true) String payload) {
      this.topic = topic;
      this.uuid = uuid;
      this.timestamp = Instant.parse(timestamp).toString();
      this.msgType = msgType;
      this.mimeType = mimeType;
      this.payload = payload;
    }
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  private static void read(String brokers, String topic, int count) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("group.id", "jvm-peer");
    settings.put("auto.offset.reset", "earliest");
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(topic));
      for (int seen = 0; seen < count; ) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
          Envelope envelope = JSON.readValue(record.value(), Envelope.class);
          System.out.println("READ " + record.key() + " " + JSON.writeValueAsString(envelope));
          ++seen;
        }
      }
    }
  }

  private static void write(String brokers, String topic, int count) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < count; ++i) {
        Envelope envelope =
            new Envelope(topic, "jvm-" + i, "2026-01-31T08:00:00.250Z", "Written", "text/plain",
                "grüße \"" + i + "\"");
        producer.send(new ProducerRecord<>(topic, JSON.writeValueAsString(envelope))).get();
      }
    }
  }

  public static void main(String[] words) throws Exception {
    int count = Integer.parseInt(words[3]);
    if (words[0].equals("read")) {
      read(words[1], words[2], count);
    } else {
      write(words[1], words[2], count);
    }
  }
}
