// Enqueue for transactions of libmariadb, and libmysqlclient. See postroad/outbox.h.
#ifndef POSTROAD_OUTBOX_MARIADB_H_
#define POSTROAD_OUTBOX_MARIADB_H_

#include <mysql.h>

#include <string>

#include "postroad/outbox.h"

namespace postroad::outbox {

// Writes the event into the transaction that `connection` has begun (alone, without one). Its id.
// Errors: MakeRow's; FAILED_PRECONDITION with the database's message. The connection's character
// set must be utf8mb4.
inline Result<std::string> Enqueue(MYSQL* connection, const Event& event,
                                   const std::string& table = kDefaultTable) {
  StoreTimer timer;
  auto row = MakeRow(event);
  if (!row) return std::unexpected(row.error());
  const auto quoted = [&](const std::string& text) {
    std::string escaped(2 * text.size() + 1, '\0');
    escaped.resize(mysql_real_escape_string(connection, escaped.data(), text.data(), text.size()));
    return "'" + escaped + "'";
  };
  const auto or_null = [&](const std::optional<std::string>& text) {
    return text ? quoted(*text) : std::string("NULL");
  };
  const std::string sql =
      "INSERT INTO " + table +
      " (event_id, topic, payload, `key`, type, content_type, headers, search_keys, deliver_at,"
      " time) VALUES (" +
      quoted(row->event_id) + "," + quoted(row->topic) + ",_binary" + quoted(row->payload) + "," +
      or_null(row->key) + "," + or_null(row->type) + "," + or_null(row->content_type) + "," +
      or_null(row->headers) + "," + or_null(row->search_keys) + "," + or_null(row->deliver_at) +
      "," + quoted(row->time) + ")";
  if (mysql_real_query(connection, sql.data(), sql.size()) != 0) {
    return Fail(ErrorCode::kFailedPrecondition, mysql_error(connection));
  }
  timer.Stored();
  return std::move(row->event_id);
}

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_MARIADB_H_
