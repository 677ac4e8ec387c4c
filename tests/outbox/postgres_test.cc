// The relay over a real PostgreSQL: exactly the committed events, in order, whatever happens.
#include <algorithm>
#include <atomic>
#include <thread>

#include "postgres_outbox.h"

namespace postroad::outbox {
namespace {

TEST_F(PostgresOutbox, EveryFieldOfAnEventArrives) {
  Start();
  const std::string id = sql->One(
      "SELECT postroad_post('orders', '{\"order\": 42}', key => 'customer-7', type => "
      "'order.paid', headers => '{\"origin\": \"shop\", \"try\": 2}', search_keys => "
      "ARRAY['order-42', 'customer-7'])");
  ASSERT_TRUE(Arrives("orders", 1));
  const Event event = house.Stored("orders")[0];
  EXPECT_EQ(event.id, id);
  EXPECT_EQ(event.key, "customer-7");
  EXPECT_EQ(event.type, "order.paid");
  EXPECT_EQ(event.content_type, "application/json");
  EXPECT_EQ(event.payload, "{\"order\": 42}");
  EXPECT_EQ(event.headers,
            (std::vector<std::pair<std::string, std::string>>{{"try", "2"}, {"origin", "shop"}}))
      << "in the order that jsonb gives";
  EXPECT_EQ(event.search_keys, (std::vector<std::string>{"order-42", "customer-7"}));
  EXPECT_EQ(std::to_string(ToNanos(*event.time) / 1000),
            sql->One("SELECT (extract(epoch FROM time) * 1000000)::bigint FROM postroad_outbox"));

  sql->Run("SELECT postroad_post('bytes', '\\x0001ff'::bytea)");
  sql->Run("SELECT postroad_post('later', 'x', deliver_at => '2199-01-01')");
  ASSERT_TRUE(Arrives("bytes", 1));
  EXPECT_EQ(house.Payloads("bytes")[0], std::string("\0\1\xff", 3));
  EXPECT_TRUE(house.Stored("later").empty());
  journal::ScheduledQuery query;
  query.topic = "later";
  EXPECT_TRUE(Eventually([&] {
    const auto page = house.stack.broker().ListScheduled(auth::Principal::Anyone(), query);
    return page && page->events.size() == 1;
  }));
}

TEST_F(PostgresOutbox, RolledBackNeverAppears) {
  Start();
  sql->Run("BEGIN; SELECT postroad_post('t', 'never'); ROLLBACK");
  sql->Run(
      "BEGIN; SELECT postroad_post('t', 'kept'); SAVEPOINT s; SELECT postroad_post('t', "
      "'never'); ROLLBACK TO s; COMMIT");
  sql->Run("SELECT postroad_post('t', 'last')");
  ASSERT_TRUE(Arrives("t", 2));
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Payloads("t"), (std::vector<std::string>{"kept", "last"}));
}

// A transaction that took its ids first and commits last is neither lost nor in anybody's way.
TEST_F(PostgresOutbox, ALongTransactionBesideThousandsOfShortOnes) {
  Start();
  PgSession slow(url);
  slow.Run("BEGIN; SELECT postroad_post('slow', '1')");
  const int many = testing::Scaled(2000);
  for (int i = 0; i < many; ++i) sql->Run("SELECT postroad_post('t', '" + std::to_string(i) + "')");
  ASSERT_TRUE(Arrives("t", static_cast<size_t>(many)));
  EXPECT_TRUE(house.Stored("slow").empty());
  slow.Run("SELECT postroad_post('slow', '2'); COMMIT");
  ASSERT_TRUE(Arrives("slow", 2));
  ASSERT_TRUE(CaughtUp());
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), static_cast<size_t>(many));
  for (int i = 0; i < many; ++i) EXPECT_EQ(payloads[static_cast<size_t>(i)], std::to_string(i));
  EXPECT_EQ(house.Payloads("slow"), (std::vector<std::string>{"1", "2"}));
}

// Ids out of the order of commits, in pages, beside retained rows: each arrives once.
TEST_F(PostgresOutbox, EachOfManyWritersEventsArrivesOnceInItsOrder) {
  options.batch_rows = 50;
  Start();
  const int writers = 8, each = testing::Scaled(500);
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      PgSession session(url);
      for (int i = 0; i < each; ++i) {
        const std::string post =
            "SELECT postroad_post('w" + std::to_string(w) + "', '" + std::to_string(i) + "');";
        // Some transactions stay open while others come and go.
        session.Run(i % 7 == 0 ? "BEGIN;" + post + "SELECT pg_sleep(0.005); COMMIT" : post);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int w = 0; w < writers; ++w) {
    const std::string topic = "w" + std::to_string(w);
    ASSERT_TRUE(Arrives(topic, static_cast<size_t>(each)));
    const auto payloads = house.Payloads(topic);
    ASSERT_EQ(payloads.size(), static_cast<size_t>(each));
    for (int i = 0; i < each; ++i) EXPECT_EQ(payloads[static_cast<size_t>(i)], std::to_string(i));
  }
  EXPECT_EQ(house.Metric("postroad_outbox_events_total{outcome=\"duplicate\",source=\"shop\"}"), 0);
}

// Writers that wait for each other's row write in the order that the row says.
TEST_F(PostgresOutbox, OrderOfAKeyIsThatOfItsLock) {
  options.batch_rows = 7;
  sql->Run("CREATE TABLE account (n bigint); INSERT INTO account VALUES (0)");
  PgSession early(url);
  early.Run("BEGIN; SELECT pg_current_xact_id()");  // an old transaction that writes last
  sql->Run(
      "BEGIN; UPDATE account SET n = n + 1; SELECT postroad_post('a', 'first', key => 'k'); "
      "COMMIT");
  early.Run(
      "UPDATE account SET n = n + 1; SELECT postroad_post('a', 'second', key => 'k'); COMMIT");
  Start();
  ASSERT_TRUE(Arrives("a", 2));
  EXPECT_EQ(house.Payloads("a"), (std::vector<std::string>{"first", "second"}));
}

TEST_F(PostgresOutbox, ABacklogOfManyPagesArrivesInOrder) {
  options.batch_rows = 100;
  options.batch_bytes = 300;  // some pages end by bytes
  sql->Run(Numbers(1, 2500));
  Start();
  ASSERT_TRUE(Arrives("t", 2500));
  sql->Run(Numbers(2501, 2510));
  ASSERT_TRUE(Arrives("t", 2510));
  const auto payloads = house.Payloads("t");
  for (size_t i = 0; i < payloads.size(); ++i) ASSERT_EQ(payloads[i], std::to_string(i + 1));
}

// One transaction's few rows, more than a batch takes: in several pages, none left out.
TEST_F(PostgresOutbox, FewRowsOfManyBytesArriveInOrder) {
  options.batch_bytes = 10'000;
  Start();
  sql->Run(
      "SELECT postroad_post('t', lpad(i::text, 4000, '0'), key => 'k') FROM generate_series(1, "
      "20) i");
  ASSERT_TRUE(Arrives("t", 20));
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(std::stoi(payloads[i]), i + 1);
}

// Not only payloads take memory.
TEST_F(PostgresOutbox, HeadersAndKeysCountAsBytesOfABatch) {
  options.batch_bytes = 2'500;
  sql->Run(
      "SELECT postroad_post('t', i::text, headers => jsonb_build_object('h', repeat('x', 1000))) "
      "FROM generate_series(1, 4) i; "
      "SELECT postroad_post('t', '5', search_keys => ARRAY[repeat('s', 200)], key => repeat('k', "
      "200))");
  Start();
  ASSERT_TRUE(Arrives("t", 5));
  ASSERT_TRUE(CaughtUp());
  EXPECT_GE(house.control->Count(&Gate::Control::batches), 2U);
}

TEST_F(PostgresOutbox, OfTwoRelaysOneWorksAndTheOtherTakesOver) {
  Relay& first = Start();
  ASSERT_TRUE(Leads(first));
  Relay& second = Start();
  ASSERT_TRUE(Eventually([&] { return second.state().phase == RelayState::Phase::kWaiting; }));
  sql->Run(Numbers(1, 10));
  ASSERT_TRUE(Arrives("t", 10));
  EXPECT_EQ(second.state().sent, 0u);
  // Its session ends, as when its machine dies.
  sql->Run(
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted");
  first.Stop();
  ASSERT_TRUE(Leads(second));
  sql->Run(Numbers(11, 20));
  ASSERT_TRUE(Arrives("t", 20));
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Stored("t").size(), 20u);
}

TEST_F(PostgresOutbox, TheDatabaseKilledUnderLoadAndStartedAgain) {
  Relay& relay = Start();
  std::atomic<int> acknowledged = 0;
  std::thread writer([&] {
    PgSession session(url);
    while (
        session.Try("SELECT postroad_post('t', '" + std::to_string(acknowledged) + "')").empty()) {
      ++acknowledged;
    }
  });
  EXPECT_TRUE(Arrives("t", 100));
  server->Kill();
  writer.join();
  ASSERT_TRUE(Eventually([&] { return relay.state().phase == RelayState::Phase::kConnecting; }));
  EXPECT_NE(relay.state().error.find("PostgreSQL"), std::string::npos) << relay.state().error;
  server->Start();
  sql = std::make_unique<PgSession>(url);
  sql->Run(Numbers(11, 20));
  const auto count =
      static_cast<size_t>(std::stoi(sql->One("SELECT count(*) FROM postroad_outbox")));
  EXPECT_GE(count, static_cast<size_t>(acknowledged) + 10);
  ASSERT_TRUE(Arrives("t", count));
  ASSERT_TRUE(CaughtUp());
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), count);
  for (int i = 0; i < acknowledged; ++i) EXPECT_EQ(payloads[i], std::to_string(i));
  EXPECT_GT(house.Metric("postroad_outbox_source_errors_total{source=\"shop\"}"), 0);
}

// Whoever holds a row holds up neither the relay nor, but for this row, the cleaning.
TEST_F(PostgresOutbox, ALockedRowIsSentAndCleanedLater) {
  options.retention = Duration{};
  sql->Run(Numbers(1, 10));
  PgSession client(url);
  client.Run("BEGIN; SELECT id FROM postroad_outbox WHERE payload = '3' FOR UPDATE");
  Start();
  ASSERT_TRUE(Arrives("t", 10));
  ASSERT_TRUE(Eventually([&] { return sql->One("SELECT count(*) FROM postroad_outbox") == "1"; }));
  client.Run("COMMIT");
  EXPECT_TRUE(Eventually([&] { return sql->One("SELECT count(*) FROM postroad_outbox") == "0"; }));
}

TEST_F(PostgresOutbox, CleaningKeepsWhatIsYoungUnsentOrUnread) {
  options.retention = std::chrono::hours(1);
  sql->Run(
      "INSERT INTO postroad_outbox (topic, payload, time) SELECT 't', 'old', now() - interval "
      "'2 hours' FROM generate_series(1, 6000); SELECT postroad_post('t', 'young')");
  // Another relay of the table that has read nothing yet.
  sql->Run("INSERT INTO postroad_outbox_relay (reader, seen) VALUES ('other', '1:1:')");
  Start();
  ASSERT_TRUE(Arrives("t", 6001));
  ASSERT_TRUE(Eventually([&] {
    return sql->One(
               "SELECT count(*) FROM postroad_outbox o, postroad_outbox_relay r WHERE reader = "
               "'shop' AND NOT pg_visible_in_snapshot(o.txid, r.seen)") == "0";
  }));
  EXPECT_EQ(sql->One("SELECT count(*) FROM postroad_outbox"), "6001");
  // It is no more: what `postroad outbox readers` does.
  Waker waker;
  const auto tool = NewPostgresSource(options, waker);
  ASSERT_TRUE(tool->Connect());
  const auto readers = tool->ListReaders();
  ASSERT_TRUE(readers) << readers.error().ToString();
  ASSERT_EQ(readers->size(), 2u);
  EXPECT_EQ((*readers)[0].name, "other");
  EXPECT_FALSE((*readers)[0].leads);
  EXPECT_TRUE((*readers)[0].noted);
  EXPECT_TRUE((*readers)[1].leads);
  EXPECT_EQ(tool->ForgetReader("shop").error().reason, "READER_LEADS");
  EXPECT_TRUE(tool->ForgetReader("other"));
  EXPECT_EQ(tool->ForgetReader("other").error().reason, "NO_READER");
  house.relays.clear();
  Start();
  ASSERT_TRUE(Eventually([&] { return sql->One("SELECT count(*) FROM postroad_outbox") == "1"; }));
  EXPECT_EQ(sql->One("SELECT convert_from(payload, 'UTF8') FROM postroad_outbox"), "young");
}

TEST_F(PostgresOutbox, PoisonIsSetAsideAndTheRestGoesOn) {
  Start();
  sql->Run(
      "SELECT postroad_post('', 'no topic'); SELECT postroad_post('t', '1'); "
      "SELECT postroad_post('t', 'x', headers => '[1]'); "
      "INSERT INTO postroad_outbox (topic, payload) VALUES ('t', "
      "convert_to(repeat('x', 9000000), 'UTF8')); SELECT postroad_post('t', '2')");
  ASSERT_TRUE(Arrives("t", 2));
  EXPECT_EQ(house.Payloads("t"), (std::vector<std::string>{"1", "2"}));
  ASSERT_TRUE(CaughtUp());
  EXPECT_TRUE(Eventually([&] {
    return house.Metric("postroad_outbox_events_total{outcome=\"poison\",source=\"shop\"}") == 3;
  }));

  Waker waker;
  const auto tool = NewPostgresSource(options, waker);
  ASSERT_TRUE(tool->Connect());
  auto rows = tool->ListPoison(10);
  ASSERT_TRUE(rows) << rows.error().ToString();
  ASSERT_EQ(rows->size(), 3u);
  std::ranges::sort(*rows, {}, [](const PoisonRow& row) { return std::stoi(row.id); });
  EXPECT_TRUE((*rows)[0].reason.starts_with("topic")) << (*rows)[0].reason;
  EXPECT_TRUE((*rows)[1].reason.starts_with("headers")) << (*rows)[1].reason;
  EXPECT_NE((*rows)[2].reason.find("larger"), std::string::npos) << (*rows)[2].reason;

  // Mended and sent again; sent again unmended; dropped.
  sql->Run("UPDATE postroad_outbox SET topic = 'mended' WHERE topic = ''");
  EXPECT_EQ(tool->RetryPoison(std::nullopt), 3u);
  ASSERT_TRUE(Arrives("mended", 1));
  ASSERT_TRUE(Eventually([&] {
    rows = tool->ListPoison(10);
    return rows && rows->size() == 2 && (*rows)[0].tries == 2 && (*rows)[1].tries == 2;
  }));
  EXPECT_EQ(tool->DropPoison((*rows)[0].id), 1u);
  EXPECT_EQ(tool->ListPoison(10)->size(), 1u);
}

TEST_F(PostgresOutbox, WhatIsMissingIsNamed) {
  const auto problem = [&](Relay& relay) {
    EXPECT_TRUE(Eventually([&] { return !relay.state().error.empty(); }));
    return relay.state().error;
  };
  sql->Run("DO $$ BEGIN CREATE ROLE relay LOGIN; EXCEPTION WHEN duplicate_object THEN END $$");
  options.url = url + "&user=relay";
  Relay& relay = Start();
  EXPECT_NE(problem(relay).find("GRANT SELECT, DELETE, UPDATE ON postroad_outbox TO relay"),
            std::string::npos)
      << relay.state().error;
  // Granted, it goes on without a restart.
  sql->Run(
      "GRANT SELECT, DELETE, UPDATE ON postroad_outbox TO relay; GRANT SELECT, INSERT, UPDATE, "
      "DELETE ON postroad_outbox_relay, postroad_outbox_poison TO relay");
  sql->Run(Numbers(1, 1));
  EXPECT_TRUE(Arrives("t", 1));
  relay.Stop();

  options.url = url;
  sql->Run("ALTER TABLE postroad_outbox DROP COLUMN search_keys, DROP COLUMN headers");
  const std::string columns = problem(Start());
  EXPECT_NE(columns.find("postroad_outbox has no column headers, search_keys"), std::string::npos)
      << columns;
  options.table = "other";
  const std::string table = problem(Start());
  EXPECT_NE(table.find("there is no table other"), std::string::npos) << table;
}

TEST_F(PostgresOutbox, RowsOfAnotherClusterAreToldNotSent) {
  sql->Run("INSERT INTO postroad_outbox (topic, txid) VALUES ('t', '999999999')");
  Relay& relay = Start();
  ASSERT_TRUE(Eventually([&] { return !relay.state().error.empty(); }));
  EXPECT_NE(relay.state().error.find("another PostgreSQL cluster"), std::string::npos);
}

// Restored into a cluster whose ids of transactions are past those of the dump: numbers do not
// tell.
TEST_F(PostgresOutbox, ProgressOfAnotherClusterIsToldNotBelieved) {
  sql->Run(
      "INSERT INTO postroad_outbox_relay (reader, seen, cluster) SELECT 'shop', "
      "pg_current_snapshot(), '1'");
  sql->Run(Numbers(1, 10));
  Relay& relay = Start();
  ASSERT_TRUE(Eventually([&] { return !relay.state().error.empty(); }));
  EXPECT_NE(relay.state().error.find("another PostgreSQL cluster"), std::string::npos);
  EXPECT_TRUE(house.Stored("t").empty());
  sql->Run(
      "UPDATE postroad_outbox SET txid = pg_current_xact_id(); TRUNCATE postroad_outbox_relay");
  ASSERT_TRUE(Arrives("t", 10));
  EXPECT_NE(sql->One("SELECT cluster FROM postroad_outbox_relay"), "");
}

TEST_F(PostgresOutbox, TwoPhaseCommitWhereNotifyIsOff) {
  Start();
  sql->Run("SET postroad.notify = 'off'");
  sql->Run("BEGIN; " + Numbers(1, 3) + "; PREPARE TRANSACTION 'two'");
  sql->Run(Numbers(4, 4));
  ASSERT_TRUE(Arrives("t", 1));
  EXPECT_EQ(house.Payloads("t"), (std::vector<std::string>{"4"}));
  sql->Run("COMMIT PREPARED 'two'");
  ASSERT_TRUE(Arrives("t", 4));
  EXPECT_EQ(house.Payloads("t"), (std::vector<std::string>{"4", "1", "2", "3"}));
}

}  // namespace
}  // namespace postroad::outbox
