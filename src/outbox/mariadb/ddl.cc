// The SQL that makes Postroad's outbox, valid in MariaDB and in MySQL 8.
#include <string_view>

#include "outbox/flag_source.h"
#include "outbox/mariadb/mariadb_source.h"

namespace postroad::outbox {
namespace {

constexpr std::string_view kOutbox =
    R"(-- Postroad's outbox: what a transaction writes here is an event once it commits. Times are in UTC.
CREATE TABLE IF NOT EXISTS {table} (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  event_id     CHAR(36) NOT NULL DEFAULT (UUID()),
  topic        VARCHAR(255) NOT NULL,
  `key`        VARCHAR(1024),
  type         VARCHAR(255),
  content_type VARCHAR(255),
  headers      JSON,
  payload      LONGBLOB NOT NULL,
  deliver_at   DATETIME(6),
  search_keys  JSON,
  time         DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  delivered    BOOLEAN NOT NULL DEFAULT FALSE,
  delivered_at DATETIME(6),
  KEY undelivered (delivered, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
)";

// Ids are compared with text of whatever collation the session has: a binary one goes with all.
constexpr std::string_view kPoison = R"(
-- Rows that can be no events, with the reason.
CREATE TABLE IF NOT EXISTS {poison} (
  reader   VARCHAR(255) NOT NULL,
  id       VARCHAR(255) NOT NULL,
  event_id VARCHAR(255),
  topic    VARCHAR(255),
  reason   VARCHAR(1000) NOT NULL,
  since    DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  tries    BIGINT NOT NULL DEFAULT 1,
  retry    BOOLEAN NOT NULL DEFAULT FALSE,
  PRIMARY KEY (reader, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
)";

// MySQL has no CREATE INDEX IF NOT EXISTS.
constexpr std::string_view kIndex = R"(
-- So that finding what is not delivered does not read the whole table; made if it is not there.
SET @postroad_index = IF(
  EXISTS (SELECT 1 FROM information_schema.statistics
          WHERE table_schema = {schema} AND table_name = '{name}' AND index_name = 'undelivered'),
  'DO 0', 'CREATE INDEX undelivered ON {table} ({delivered}, {id})');
PREPARE postroad_index FROM @postroad_index;
EXECUTE postroad_index;
DEALLOCATE PREPARE postroad_index;
)";

void Replace(std::string& text, std::string_view name, const std::string& value) {
  for (size_t at = 0; (at = text.find(name, at)) != text.npos; at += value.size()) {
    text.replace(at, name.size(), value);
  }
}

// For within a literal. A backslash is kept as it is only where the session does not take it for an
// escape (NO_BACKSLASH_ESCAPES), so no name with one is right in both.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\'' ? "''" : c == '\\' ? "\\\\" : std::string(1, c);
  return escaped;
}

std::string IndexDdl(const SourceOptions& options) {
  const size_t dot = options.table.rfind('.');
  const bool has_schema = dot != options.table.npos;
  std::string ddl(kIndex);
  Replace(ddl, "{schema}",
          has_schema ? "'" + Escaped(options.table.substr(0, dot)) + "'" : "DATABASE()");
  Replace(ddl, "{name}", Escaped(has_schema ? options.table.substr(dot + 1) : options.table));
  Replace(ddl, "{table}", Escaped(MariaDbQuoted(options.table)));
  Replace(ddl, "{delivered}", Escaped(MariaDbQuoted(options.columns.delivered)));
  Replace(ddl, "{id}", Escaped(MariaDbQuoted(options.columns.id)));
  return ddl;
}

}  // namespace

std::string MariaDbDdl(const SourceOptions& options) {
  std::string ddl(options.layout == Layout::kPostroad ? kOutbox : "");
  ddl += kPoison;
  Replace(ddl, "{table}", MariaDbQuoted(options.table));
  Replace(ddl, "{poison}", MariaDbQuoted(PoisonTableOf(options.table)));
  if (options.layout != Layout::kPostroad && !options.columns.delivered.empty()) {
    ddl += IndexDdl(options);
  }
  return ddl;
}

}  // namespace postroad::outbox
