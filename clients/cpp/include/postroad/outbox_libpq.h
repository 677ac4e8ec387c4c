// Enqueue for transactions of libpq. See postroad/outbox.h.
#ifndef POSTROAD_OUTBOX_LIBPQ_H_
#define POSTROAD_OUTBOX_LIBPQ_H_

#include <libpq-fe.h>

#include <string>

#include "postroad/outbox.h"

namespace postroad::outbox {

// Writes the event into the transaction that `connection` has begun (alone, without one). Its id.
// Errors: MakeRow's; FAILED_PRECONDITION with the database's message, and the transaction has
// failed. The id must be a UUID.
inline Result<std::string> Enqueue(PGconn* connection, const Event& event,
                                   const std::string& table = kDefaultTable) {
  StoreTimer timer;
  auto row = MakeRow(event);
  if (!row) return std::unexpected(row.error());
  const std::string sql =
      "INSERT INTO " + table +
      " (event_id, topic, payload, key, type, content_type, headers, search_keys, deliver_at, time)"
      " VALUES ($1::uuid, $2, $3::bytea, $4, $5, $6, $7::jsonb, $8::text[],"
      " $9::timestamp AT TIME ZONE 'UTC', $10::timestamp AT TIME ZONE 'UTC')";
  const auto text = [](const std::optional<std::string>& value) {
    return value ? value->c_str() : nullptr;
  };
  const char* values[] = {row->event_id.c_str(), row->topic.c_str(),
                          row->payload.data(),   text(row->key),
                          text(row->type),       text(row->content_type),
                          text(row->headers),    text(row->search_key_array),
                          text(row->deliver_at), row->time.c_str()};
  const int sizes[10] = {0, 0, static_cast<int>(row->payload.size())};
  const int binary[10] = {0, 0, 1};
  PGresult* result =
      PQexecParams(connection, sql.c_str(), 10, nullptr, values, sizes, binary, /*resultFormat=*/0);
  const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
  const std::string why = good ? "" : PQresultErrorMessage(result);
  PQclear(result);
  if (!good) return Fail(ErrorCode::kFailedPrecondition, why);
  timer.Stored();
  return std::move(row->event_id);
}

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_LIBPQ_H_
