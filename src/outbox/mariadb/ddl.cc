// The SQL that makes Postroad's outbox in MariaDB.
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
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
)";

void Replace(std::string& text, std::string_view name, const std::string& value) {
  for (size_t at = 0; (at = text.find(name, at)) != text.npos; at += value.size()) {
    text.replace(at, name.size(), value);
  }
}

std::string Quoted(const std::string& name) {
  std::string quoted = "`";
  for (const char c : name) quoted += c == '.' ? "`.`" : std::string(1, c);
  return quoted + "`";
}

}  // namespace

std::string MariaDbDdl(const SourceOptions& options) {
  std::string ddl(options.layout == Layout::kPostroad ? kOutbox : "");
  ddl += kPoison;
  Replace(ddl, "{table}", Quoted(options.table));
  Replace(ddl, "{poison}", Quoted(PoisonTableOf(options.table)));
  if (options.layout != Layout::kPostroad && !options.columns.delivered.empty()) {
    ddl +=
        "\n-- So that finding what is not delivered does not read the whole table.\n"
        "CREATE INDEX IF NOT EXISTS undelivered ON " +
        Quoted(options.table) + " (" + Quoted(options.columns.delivered) + ", " +
        Quoted(options.columns.id) + ");\n";
  }
  return ddl;
}

}  // namespace postroad::outbox
