// Tests of Postroad's own table in PostgreSQL, with relays in this process.
#ifndef POSTROAD_TESTS_OUTBOX_POSTGRES_OUTBOX_H_
#define POSTROAD_TESTS_OUTBOX_POSTGRES_OUTBOX_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "outbox/postgres/postgres_source.h"
#include "outbox_house.h"
#include "support/postgres.h"

namespace postroad::outbox {

using testing::PgSession;
using testing::PostgresServer;

inline std::string Numbers(int from, int to) {
  return "SELECT postroad_post('t', i::text, key => 'k') FROM generate_series(" +
         std::to_string(from) + ", " + std::to_string(to) + ") i";
}

class PostgresOutbox : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { server.reset(); }

  PostgresOutbox() : url(server->NewDatabase()) {
    options = *Complete({.name = "shop", .url = url});
    EXPECT_TRUE(InstallPostgres(options));
    sql = std::make_unique<PgSession>(url);
  }

  Relay& Start() { return house.StartRelay(options, NewPostgresSource); }
  bool Leads(Relay& relay) {
    return Eventually([&] { return relay.state().phase == RelayState::Phase::kLeading; });
  }
  bool Arrives(const std::string& topic, size_t count) {
    return Eventually([&] { return house.Stored(topic).size() >= count; });
  }
  // What waits, by the relay's own account.
  bool CaughtUp() {
    return Eventually([&] {
      return sql->One(
                 "SELECT count(*) FROM postroad_outbox o, postroad_outbox_relay r WHERE NOT "
                 "pg_visible_in_snapshot(o.txid, r.seen)") == "0";
    });
  }

  static inline std::unique_ptr<PostgresServer> server;
  const std::string url;
  SourceOptions options;
  std::unique_ptr<PgSession> sql;
  OutboxHouse house;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_TESTS_OUTBOX_POSTGRES_OUTBOX_H_
