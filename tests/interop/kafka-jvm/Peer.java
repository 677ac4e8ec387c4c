// A JVM's side of outbox-event-bus: its message class with Jackson and Kafka's own client, and its
// table recorded_events with JDBC. Unknown members are refused, as Jackson does unless told
// otherwise.
//
//   java -cp '<jars>/*' Peer.java read <brokers> <topic> <count>    prints a line of JSON a message
//   java -cp '<jars>/*' Peer.java write <brokers> <topic> <count>   writes that many
//   java -cp '<jars>/*' Peer.java store <jdbc url> <topic> <count>  stores that many in the table, one
//       a transaction, each beside one that is rolled back; prints a line of JSON for each stored
//   java -cp '<jars>/*' Peer.java fetch <jdbc url> <topic> <count>  prints "DELIVERED" or "READY" and a
//       line of JSON a row, of at most that many

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
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

  private static void insert(Connection db, Envelope event) throws SQLException {
    try (PreparedStatement row =
        db.prepareStatement(
            "INSERT INTO recorded_events (topic, delivered, uuid, stored_timestamp, msg_type,"
                + " mime_type, payload) VALUES (?, false, ?, ?, ?, ?, ?)")) {
      row.setString(1, event.topic);
      row.setString(2, event.uuid);
      row.setTimestamp(3, Timestamp.from(Instant.parse(event.timestamp)));
      row.setString(4, event.msgType);
      row.setString(5, event.mimeType);
      row.setBytes(6, event.payload.getBytes(StandardCharsets.UTF_8));
      row.executeUpdate();
    }
  }

  private static void store(String url, String topic, int count) throws Exception {
    try (Connection db = DriverManager.getConnection(url)) {
      db.setAutoCommit(false);
      try (Statement make = db.createStatement()) {
        make.execute(
            "CREATE TABLE IF NOT EXISTS recorded_events (id bigserial PRIMARY KEY, topic"
                + " varchar(255) NOT NULL, delivered boolean NOT NULL, uuid char(36) NOT NULL"
                + " UNIQUE, stored_timestamp timestamp NOT NULL, send_timestamp timestamp NULL,"
                + " msg_type varchar(255) NOT NULL, mime_type varchar(255) NOT NULL, payload"
                + " bytea NOT NULL)");
      }
      db.commit();
      for (int i = 0; i < count; ++i) {
        for (String type : List.of("RolledBack", "Stored")) {
          Envelope event =
              new Envelope(topic, UUID.randomUUID().toString(), "2026-01-31T08:00:00.250Z", type,
                  "application/json", JSON.writeValueAsString(List.of("grüße", i)));
          insert(db, event);
          if (type.equals("RolledBack")) {
            db.rollback();
          } else {
            db.commit();
            System.out.println("STORED " + JSON.writeValueAsString(event));
          }
        }
      }
    }
  }

  private static void fetch(String url, String topic, int count) throws Exception {
    try (Connection db = DriverManager.getConnection(url);
        PreparedStatement query =
            db.prepareStatement("SELECT * FROM recorded_events WHERE topic = ? ORDER BY id LIMIT ?")) {
      query.setString(1, topic);
      query.setInt(2, count);
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          boolean sent = rows.getBoolean("delivered") && rows.getTimestamp("send_timestamp") != null;
          Envelope event =
              new Envelope(rows.getString("topic"), rows.getString("uuid"),
                  rows.getTimestamp("stored_timestamp").toInstant().toString(),
                  rows.getString("msg_type"), rows.getString("mime_type"),
                  new String(rows.getBytes("payload"), StandardCharsets.UTF_8));
          System.out.println((sent ? "DELIVERED " : "READY ") + JSON.writeValueAsString(event));
        }
      }
    }
  }

  public static void main(String[] words) throws Exception {
    int count = Integer.parseInt(words[3]);
    switch (words[0]) {
      case "read" -> read(words[1], words[2], count);
      case "write" -> write(words[1], words[2], count);
      case "store" -> store(words[1], words[2], count);
      case "fetch" -> fetch(words[1], words[2], count);
      default -> throw new IllegalArgumentException(words[0]);
    }
  }
}
