// Events written to an outbox table in a transaction of one's own (docs/outbox.md): they are posted
// once it commits, and never if it does not. The function is, for the library that the transaction
// is of, in one of
//
//   postroad/outbox_libpq.h    PostgreSQL, libpq
//   postroad/outbox_pqxx.h     PostgreSQL, libpqxx
//   postroad/outbox_mariadb.h  MariaDB and MySQL, libmariadb
//   postroad/outbox_sqlite.h   SQLite
//
//   pqxx::work work(connection);
//   work.exec("UPDATE …");
//   auto id = postroad::outbox::Enqueue(work, {.topic = "orders", .payload = "…"});
//   work.commit();
//
// Each includes its library's header; link that library beside postroad::enqueue, which
// postroad::client and postroad::event_bus bring along. postroad/outbox_metrics.h tells how long it
// took and how often it failed.
#ifndef POSTROAD_OUTBOX_H_
#define POSTROAD_OUTBOX_H_

#include <optional>
#include <string>

#include "core/error.h"
#include "core/event.h"
#include "postroad/outbox_metrics.h"

namespace postroad::outbox {

inline constexpr const char* kDefaultTable = "postroad_outbox";

// A table's name, as Enqueue takes it; finds the Enqueue of a library by its namespace.
struct TableName {
  const std::string& name;
  operator const std::string&() const { return name; }
};

// The columns of an event's row, as text; nothing: NULL.
struct Row {
  std::string event_id;
  std::string topic;
  std::string payload;  // bytes
  std::optional<std::string> key, type, content_type;
  std::optional<std::string> headers;           // a JSON object
  std::optional<std::string> search_keys;       // a JSON array
  std::optional<std::string> search_key_array;  // the same as PostgreSQL's array
  std::optional<std::string> deliver_at;        // "2026-01-31 08:00:00.25", in UTC
  std::string time;                             // the same
};

// Gives an id (UUIDv7) and a time where there are none. INVALID_ARGUMENT naming the field for what
// the relay would have to set aside: a topic that is no name, a key too long, headers that are
// none.
Result<Row> MakeRow(const Event& event);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_H_
