// See session.h.
#include "outbox/postgres/session.h"

#include "outbox/postgres/ddl.h"

namespace postroad::outbox::postgres {
namespace {

// The queries are written for their indexes, whatever the statistics say. Losing the last marks in
// a crash of the database only means that events are sent again, as duplicates. The server finds a
// relay's dead machine, and frees its lock, in seconds; and one that hangs, for a relay asks every
// two seconds at least (KeepAlive).
constexpr const char* kSettings =
    "SET standard_conforming_strings = on; SET enable_seqscan = off; SET jit = off; "
    "SET synchronous_commit = off; SET lock_timeout = '5s'; SET statement_timeout = '2min'; "
    "SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; "
    "SET tcp_user_timeout = 6000";
constexpr const char* kIdleSetting = "SET idle_session_timeout = '8s'";
constexpr int kOldestVersion = 130000, kOldestWithIdleTimeout = 140000;

Result<bool> WithLock(Connection& connection, const std::string& function, const std::string& table,
                      const std::string& name) {
  POSTROAD_ASSIGN(const Rows rows,
                  connection.Run("SELECT " + function +
                                     "(hashtextextended('postroad relay ' || $1 || ' ' || "
                                     "to_regclass($2)::oid, 0))",
                                 {name, Connection::Quote(table)}));
  return rows.Flag(0, 0);
}

}  // namespace

Result<std::unique_ptr<Connection>> OpenSession(const SourceOptions& options, Waker& waker) {
  POSTROAD_ASSIGN(auto connection,
                  Connection::Open(options.url, "postroad relay " + options.name, waker));
  POSTROAD_TRY(connection->RunScript(kSettings));
  POSTROAD_ASSIGN(const Rows facts,
                  connection->Run("SELECT current_setting('server_version_num'), "
                                  "current_setting('server_version'), pg_is_in_recovery()"));
  if (facts.Number(0, 0) < kOldestVersion) {
    return Fail(ErrorCode::kFailedPrecondition,
                "PostgreSQL " + std::string(facts.Get(0, 1)) + " is too old: 13 or later", {},
                "OLD_DATABASE");
  }
  if (facts.Number(0, 0) >= kOldestWithIdleTimeout) {
    POSTROAD_TRY(connection->RunScript(kIdleSetting));
  }
  if (facts.Flag(0, 2)) {
    return Fail(ErrorCode::kUnavailable,
                "this PostgreSQL is a standby; the relay needs the primary", {}, "STANDBY");
  }
  return connection;
}

Result<bool> TryLead(Connection& connection, const SourceOptions& options) {
  return WithLock(connection, "pg_try_advisory_lock", options.table, options.name);
}

// The lock is taken for the time of one statement, if it can be.
Result<bool> IsLed(Connection& connection, const SourceOptions& options, const std::string& name) {
  POSTROAD_ASSIGN(const bool free,
                  WithLock(connection, "pg_try_advisory_xact_lock", options.table, name));
  return !free;
}

Status Listen(Connection& connection, const SourceOptions& options) {
  return connection.RunScript("LISTEN " + Connection::Quote(Channel(options.table)));
}

Result<std::vector<std::string>> TriggerAdvice(Connection& connection,
                                               const SourceOptions& options) {
  // By the lock that it asks for.
  POSTROAD_ASSIGN(
      const Rows rows,
      connection.Run("SELECT strpos(p.prosrc, $2) > 0 FROM pg_trigger t JOIN pg_proc p ON p.oid = "
                     "t.tgfoid WHERE t.tgrelid = to_regclass($1) AND t.tgname = 'postroad_notify'",
                     {Connection::Quote(options.table), std::to_string(WakeKey(options.table))}));
  std::vector<std::string> advice;
  if (rows.size() == 0) {
    advice.push_back("no trigger wakes the relay, which looks every " +
                     FormatDuration(options.poll_interval) +
                     "; `postroad outbox install` makes it");
  } else if (!rows.Flag(0, 0)) {
    advice.push_back(
        "the trigger that wakes the relay is an older version's, which notifies more often than it "
        "need, or was made under another name of the table, and does not wake it; `postroad outbox "
        "install` replaces it");
  }
  return advice;
}

}  // namespace postroad::outbox::postgres
