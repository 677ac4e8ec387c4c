// A shop that changes its database and publishes in one transaction, and a biller that reads:
//   shop shop.db                       events go to the biller by the local engine
//   shop shop.db localhost:9092        by Kafka, topic "orders"
#include <postroad/event_bus.h>
#include <postroad/outbox_sqlite.h>

#include <atomic>
#include <iostream>
#include <thread>

using namespace postroad::event_bus;

namespace {

int Complain(const postroad::Error& error) {
  std::cerr << error.ToString() << "\n";
  return 1;
}

bool Run(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return true;
  std::cerr << sql << ": " << sqlite3_errmsg(database) << "\n";
  return false;
}

// The order and its event: both, or neither.
postroad::Status Pay(sqlite3* database, const EventProducer& producer, int order, bool commit) {
  const std::string number = std::to_string(order);
  Run(database, "BEGIN IMMEDIATE");
  Run(database, ("INSERT OR REPLACE INTO paid VALUES (" + number + ")").c_str());
  const auto sent = producer.Send(database, {.topic = "orders",
                                             .msg_type = "OrderPaid",
                                             .mime_type = "application/json",
                                             .payload = "{\"order\": " + number + "}",
                                             .key = "order-" + number});
  Run(database, sent && commit ? "COMMIT" : "ROLLBACK");
  if (!sent) return postroad::Fail(sent.error());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::cerr << "shop DATABASE [KAFKA]\n", 2;
  const std::string path = argv[1];
  const EventBackend engine = argc > 2 ? EventBackend::kKafka : EventBackend::kLocal;
  sqlite3* database = nullptr;
  if (sqlite3_open(path.c_str(), &database) != SQLITE_OK) return 1;
  sqlite3_busy_timeout(database, 10'000);
  Run(database, "CREATE TABLE IF NOT EXISTS paid (id INTEGER PRIMARY KEY)");

  EventBus bus;
  const LocalEventStore store{.url = "sqlite:" + path};
  if (const auto made = EventBus::Install(engine, store); !made) return Complain(made.error());
  if (const auto set = bus.SetupProducer(engine, store); !set) return Complain(set.error());
  if (const auto set = bus.SetupConsumer(engine); !set) return Complain(set.error());
  Properties properties = {{"consumer.streamMode", "EndOfBatchCommit"},
                           {"enable.auto.commit", "false"},
                           {"auto.offset.reset", "earliest"},
                           {"producer.event.cleanup.intervalInSeconds", "3600"}};
  if (argc > 2) properties["bootstrap.servers"] = argv[2];
  const auto producer = bus.GetProducer(properties);
  if (!producer) return Complain(producer.error());
  const auto consumer = bus.GetConsumer(properties);
  if (!consumer) return Complain(consumer.error());

  std::atomic<int> billed = 0;
  const auto stream =
      (*consumer)->Stream("orders", "billing",
                          {.on_event = [&](const EventOutput& event) -> postroad::Status {
                             std::cout << event.msg_type << " " << event.payload << "\n";
                             ++billed;
                             return {};
                           },
                           .on_error = [](const postroad::Error& error) { Complain(error); }});
  if (!stream) return Complain(stream.error());

  for (int order = 1; order <= 4; ++order) {
    const bool commit = order != 3;  // the customer thinks better of the third
    const auto paid = Pay(database, **producer, order, commit);
    if (!paid) return Complain(paid.error());
  }
  for (int i = 0; i < 600 && billed < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  bus.Shutdown();
  sqlite3_close(database);
  std::cout << "billed " << billed << " orders; writing an event took "
            << bus.Metrics().store.Mean() * 1e6 << " us on average\n";
  return billed == 3 ? 0 : 1;
}
