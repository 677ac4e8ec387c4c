// Enqueue for transactions of SQLite. See postroad/outbox.h.
#ifndef POSTROAD_OUTBOX_SQLITE_H_
#define POSTROAD_OUTBOX_SQLITE_H_

#include <sqlite3.h>

#include <string>

#include "postroad/outbox.h"

namespace postroad::outbox {

// Writes the event into the transaction that `database` has begun (alone, without one). Its id.
// Errors: MakeRow's; FAILED_PRECONDITION with the database's message.
inline Result<std::string> Enqueue(sqlite3* database, const Event& event,
                                   const std::string& table = kDefaultTable) {
  StoreTimer timer;
  auto row = MakeRow(event);
  if (!row) return std::unexpected(row.error());
  const std::string sql =
      "INSERT INTO " + table +
      " (event_id, topic, payload, key, type, content_type, headers, search_keys, deliver_at, time)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  const auto bind = [&](int at, const std::optional<std::string>& text) {
    if (!text) return sqlite3_bind_null(statement, at);
    return sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  };
  bind(1, row->event_id);
  bind(2, row->topic);
  if (row->payload.empty()) {
    sqlite3_bind_zeroblob(statement, 3, 0);
  } else {
    sqlite3_bind_blob64(statement, 3, row->payload.data(), row->payload.size(), SQLITE_TRANSIENT);
  }
  bind(4, row->key);
  bind(5, row->type);
  bind(6, row->content_type);
  bind(7, row->headers);
  bind(8, row->search_keys);
  bind(9, row->deliver_at);
  bind(10, row->time);
  const bool good = statement != nullptr && sqlite3_step(statement) == SQLITE_DONE;
  const std::string why = good ? "" : sqlite3_errmsg(database);
  sqlite3_finalize(statement);
  if (!good) return Fail(ErrorCode::kFailedPrecondition, why);
  timer.Stored();
  return std::move(row->event_id);
}

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_SQLITE_H_
