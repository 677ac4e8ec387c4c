// A backlog in PostgreSQL straight to Kafka, beside the row-by-row way of outbox-event-bus.
#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdio>

#include "kafka/broker.h"
#include "kafka/peer.h"
#include "outbox/common.h"

namespace postroad::testing {
namespace {

constexpr int kPartitions = 4;

// Messages as one thread sends them, one after the other.
class OneByOne {
 public:
  explicit OneByOne(const std::string& address) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 512> error{};
    for (const auto& [name, value] : {std::pair{"bootstrap.servers", address.c_str()},
                                      {"enable.idempotence", "true"},
                                      {"linger.ms", "0"}}) {
      rd_kafka_conf_set(conf, name, value, error.data(), error.size());
    }
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) std::fprintf(stderr, "not confirmed\n");
    });
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error.data(), error.size());
  }
  ~OneByOne() {
    rd_kafka_flush(client_, 60'000);
    rd_kafka_destroy(client_);
  }
  OneByOne(const OneByOne&) = delete;
  OneByOne& operator=(const OneByOne&) = delete;

  void Send(const std::string& topic, const std::string& value) {
    std::array<rd_kafka_vu_t, 3> parts{};
    parts[0] = {.vtype = RD_KAFKA_VTYPE_TOPIC, .u = {.cstr = topic.c_str()}};
    parts[1] = {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}};
    parts[2] = {.vtype = RD_KAFKA_VTYPE_VALUE,
                .u = {.mem = {const_cast<char*>(value.data()), value.size()}}};
    rd_kafka_error_t* error = rd_kafka_produceva(client_, parts.data(), parts.size());
    if (error != nullptr) std::fprintf(stderr, "%s\n", rd_kafka_error_string(error));
    if (error != nullptr) rd_kafka_error_destroy(error);
    rd_kafka_poll(client_, 0);
  }
  void AwaitConfirmation() { rd_kafka_flush(client_, 60'000); }

 private:
  rd_kafka_t* client_;
};

// Fetch 100, send one, mark one, on seed 002's table: rows a second.
double RowByRow(PostgresServer& database, const KafkaBroker& kafka, int rows, bool confirmed) {
  const std::string url = database.NewDatabase();
  PgSession sql(url);
  sql.Run(
      "CREATE TABLE recorded_events (id bigserial PRIMARY KEY, topic varchar(255), delivered "
      "boolean DEFAULT false, uuid char(36) UNIQUE, stored_timestamp timestamp DEFAULT now(), "
      "send_timestamp timestamp, msg_type varchar(255), mime_type varchar(255), payload bytea)");
  sql.Run(
      "INSERT INTO recorded_events (topic, uuid, msg_type, mime_type, payload) SELECT 'slow', "
      "gen_random_uuid(), 'order.paid', 'text/plain', " +
      std::string(kPayload) + " FROM generate_series(1, " + std::to_string(rows) + ")");
  OneByOne producer(kafka.address());
  const auto begin = Clock::now();
  while (true) {
    const auto page = sql.Run(
        "SELECT id, uuid, msg_type, mime_type, convert_from(payload, 'UTF8') FROM "
        "recorded_events WHERE NOT delivered ORDER BY id LIMIT 100");
    if (page.empty()) break;
    for (const auto& row : page) {
      producer.Send("slow", R"({"topic":"slow","uuid":")" + row[1] + R"(","msgType":")" + row[2] +
                                R"(","mimeType":")" + row[3] + R"(","payload":")" + row[4] +
                                R"("})");
      if (confirmed) producer.AwaitConfirmation();
      sql.Run("UPDATE recorded_events SET delivered = true, send_timestamp = now() WHERE id = " +
              row[0]);
    }
  }
  return rows / Since(begin);
}

}  // namespace

void ToKafka(PostgresServer& database, int rows) {
  if (!HasKafka()) {
    std::printf("| to Kafka | not measured: there is no broker; ./dev install gets it |  |  |\n");
    return;
  }
  KafkaBroker kafka;
  for (const char* topic : {"orders", "slow"}) {
    CreateKafkaTopic(kafka.address(), topic, kPartitions);
  }
  const double confirmed = RowByRow(database, kafka, 1000, true);
  const double unconfirmed = RowByRow(database, kafka, 1000, false);
  const std::string url = database.NewDatabase();
  Install(url);
  PgSession sql(url);
  Fill(sql, rows);
  ServerProcess server({.config = Source(url, "kafka = { brokers = \"" + kafka.address() +
                                                  "\", to = \"{topic}\" }\n")});
  const Relayed relayed = RelayBacklog(sql, server, rows);
  std::printf(
      "| backlog of %d rows of 256 B to Kafka, confirmed and marked | %.0f rows/s | row by row, "
      "as outbox-event-bus but each confirmed, %.0f rows/s | %.0f times |\n",
      rows, relayed.rows_per_second, confirmed, relayed.rows_per_second / confirmed);
  std::printf(
      "|  | on the processor %.1f µs a row, %.1f of them the relay's thread; PostgreSQL's session "
      "%.1f | row by row, marked without waiting for Kafka, %.0f rows/s | %.0f times |\n",
      relayed.server_micros, relayed.relay_micros, relayed.database_micros, unconfirmed,
      relayed.rows_per_second / unconfirmed);
}

}  // namespace postroad::testing
