// The SQL that makes Postroad's outbox in SQLite.
#include <string_view>

#include "outbox/flag_source.h"
#include "outbox/sqlite/sqlite_source.h"

namespace postroad::outbox {
namespace {

constexpr std::string_view kOutbox =
    R"(-- Postroad's outbox: what a transaction writes here is an event once it commits.
CREATE TABLE IF NOT EXISTS {table} (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id     TEXT NOT NULL DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||
                 substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' ||
                 hex(randomblob(6)))),
  topic        TEXT NOT NULL,
  key          TEXT,
  type         TEXT,
  content_type TEXT,
  headers      TEXT,  -- a JSON object of strings
  payload      BLOB NOT NULL DEFAULT x'',
  deliver_at   TEXT,  -- 2026-01-31 08:00:00.000, in UTC
  search_keys  TEXT,  -- a JSON array of strings
  time         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  delivered    INTEGER NOT NULL DEFAULT 0,
  delivered_at TEXT
);
)";

constexpr std::string_view kRest = R"(
CREATE INDEX IF NOT EXISTS {index} ON {table} ({id})
  WHERE {delivered} = false OR {delivered} IS NULL;
)";

constexpr std::string_view kPoison = R"(
-- Rows that can be no events, with the reason.
CREATE TABLE IF NOT EXISTS {poison} (
  reader   TEXT NOT NULL,
  id       TEXT NOT NULL,
  event_id TEXT,
  topic    TEXT,
  reason   TEXT NOT NULL,
  since    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  tries    INTEGER NOT NULL DEFAULT 1,
  retry    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (reader, id)
);
)";

void Replace(std::string& text, std::string_view name, std::string_view value) {
  for (size_t at = 0; (at = text.find(name, at)) != text.npos; at += value.size()) {
    text.replace(at, name.size(), value);
  }
}

}  // namespace

std::string SqliteDdl(const SourceOptions& options) {
  std::string ddl(options.layout == Layout::kPostroad ? kOutbox : "");
  if (!options.columns.delivered.empty()) ddl += kRest;
  ddl += kPoison;
  Replace(ddl, "{table}", SqliteQuoted(options.table));
  Replace(ddl, "{index}", SqliteQuoted(options.table + "_undelivered"));
  Replace(ddl, "{poison}", SqliteQuoted(PoisonTableOf(options.table)));
  Replace(ddl, "{id}", SqliteQuoted(options.columns.id));
  Replace(ddl, "{delivered}", SqliteQuoted(options.columns.delivered));
  return ddl;
}

}  // namespace postroad::outbox
