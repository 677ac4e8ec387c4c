// See poison.h.
#include "outbox/postgres/poison.h"

#include <utility>

#include "outbox/postgres/ddl.h"

namespace postroad::outbox::postgres {
namespace {

std::string Literal(std::string_view text) {
  // Bytes that are no text would fail the whole command.
  std::string clean;
  for (const char c : text) clean += c == '\0' ? ' ' : c;
  return Connection::Literal(clean);
}

}  // namespace

Poison::Poison(const std::string& table, std::string reader)
    : quoted_(Connection::Quote(PoisonTable(table))),
      channel_(Channel(table)),
      reader_(std::move(reader)) {}

std::string Poison::SetAside(std::string_view id, std::string_view event_id, std::string_view topic,
                             std::string_view reason) const {
  return "INSERT INTO " + quoted_ + " AS p (reader, id, event_id, topic, reason) VALUES (" +
         Literal(reader_) + ", " + Literal(id) + ", " + Literal(event_id) + ", " + Literal(topic) +
         ", " + Literal(reason) +
         ") ON CONFLICT (reader, id) DO UPDATE SET reason = excluded.reason, "
         "topic = excluded.topic, since = now(), tries = p.tries + 1, retry = false;\n";
}

std::string Poison::SettleSql(const TablePage& page, std::span<const EventResult> results) const {
  std::string sql;
  for (const TablePage::Unreadable& bad : page.bad) {
    sql += SetAside(bad.id, bad.event_id, bad.topic, bad.reason);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const EventView& event = page.batch->events[i];
    if (results[i].outcome == Outcome::kPoison) {
      sql += SetAside(page.ids[i], event.id, event.topic, results[i].reason);
    } else if (page.retried) {
      sql += "DELETE FROM " + quoted_ + " WHERE reader = " + Literal(reader_) +
             " AND id = " + Literal(page.ids[i]) + ";\n";
    }
  }
  return sql;
}

Result<std::vector<PoisonRow>> Poison::List(Connection& connection, size_t limit) const {
  POSTROAD_ASSIGN(
      const Rows rows,
      connection.Run("SELECT id, coalesce(event_id, ''), coalesce(topic, ''), reason, "
                     "(extract(epoch FROM since) * 1000000)::bigint, tries, retry FROM " +
                         quoted_ + " WHERE reader = $1 ORDER BY since, id LIMIT $2",
                     {reader_, std::to_string(limit)}));
  std::vector<PoisonRow> list;
  for (int i = 0; i < rows.size(); ++i) {
    list.push_back({.id = std::string(rows.Get(i, 0)),
                    .event_id = std::string(rows.Get(i, 1)),
                    .topic = std::string(rows.Get(i, 2)),
                    .reason = std::string(rows.Get(i, 3)),
                    .since = Timestamp(std::chrono::microseconds(rows.Number(i, 4))),
                    .tries = static_cast<uint64_t>(rows.Number(i, 5)),
                    .retry = rows.Flag(i, 6)});
  }
  return list;
}

Result<uint64_t> Poison::Retry(Connection& connection, const std::optional<std::string>& id) const {
  POSTROAD_ASSIGN(const Rows rows,
                  connection.Run("UPDATE " + quoted_ +
                                     " SET retry = true WHERE reader = $1 AND ($2::text IS NULL OR "
                                     "id = $2)",
                                 {reader_, id}));
  POSTROAD_TRY(connection.Run("SELECT pg_notify($1, '')", {channel_}));
  return rows.affected();
}

Result<uint64_t> Poison::Drop(Connection& connection, const std::optional<std::string>& id) const {
  POSTROAD_ASSIGN(const Rows rows,
                  connection.Run("DELETE FROM " + quoted_ +
                                     " WHERE reader = $1 AND ($2::text IS NULL OR id = $2)",
                                 {reader_, id}));
  return rows.affected();
}

}  // namespace postroad::outbox::postgres
