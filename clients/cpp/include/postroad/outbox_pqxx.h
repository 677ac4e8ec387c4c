// Enqueue for transactions of libpqxx. See postroad/outbox.h.
#ifndef POSTROAD_OUTBOX_PQXX_H_
#define POSTROAD_OUTBOX_PQXX_H_

#include <pqxx/pqxx>
#include <string>

#include "postroad/outbox.h"

namespace postroad::outbox {

// Writes the event into the transaction. Its id. Errors: MakeRow's. What the database says against
// it comes as libpqxx's exceptions, as from every command of the transaction. The id must be a
// UUID.
inline Result<std::string> Enqueue(pqxx::transaction_base& transaction, const Event& event,
                                   const std::string& table = kDefaultTable) {
  StoreTimer timer;
  auto row = MakeRow(event);
  if (!row) return std::unexpected(row.error());
  const auto text = [](const std::optional<std::string>& value) {
    return value ? value->c_str() : nullptr;
  };
  transaction.exec_params(
      "INSERT INTO " + table +
          " (event_id, topic, payload, key, type, content_type, headers, search_keys, deliver_at,"
          " time) VALUES ($1::uuid, $2, $3::bytea, $4, $5, $6, $7::jsonb, $8::text[],"
          " $9::timestamp AT TIME ZONE 'UTC', $10::timestamp AT TIME ZONE 'UTC')",
      row->event_id, row->topic, pqxx::binarystring(row->payload.data(), row->payload.size()),
      text(row->key), text(row->type), text(row->content_type), text(row->headers),
      text(row->search_key_array), text(row->deliver_at), row->time);
  timer.Stored();
  return std::move(row->event_id);
}

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_PQXX_H_
