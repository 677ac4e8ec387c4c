// See sources.h.
#include "outbox/sources/sources.h"

#include "outbox/mariadb/mariadb_source.h"
#include "outbox/postgres/postgres_source.h"
#include "outbox/sqlite/sqlite_source.h"

namespace postroad::outbox {
namespace {

// Complete options have a URL that is known.
Database KindOf(const SourceOptions& options) {
  return DatabaseOf(options.url).value_or(Database::kPostgres);
}

}  // namespace

std::unique_ptr<Source> NewSource(const SourceOptions& options, Waker& waker) {
  switch (KindOf(options)) {
    case Database::kMariaDb:
      return NewMariaDbSource(options, waker);
    case Database::kSqlite:
      return NewSqliteSource(options, waker);
    case Database::kPostgres:
      break;
  }
  return NewPostgresSource(options, waker);
}

std::string Ddl(const SourceOptions& options) {
  switch (KindOf(options)) {
    case Database::kMariaDb:
      return MariaDbDdl(options);
    case Database::kSqlite:
      return SqliteDdl(options);
    case Database::kPostgres:
      break;
  }
  return PostgresDdl(options);
}

Status Install(const SourceOptions& options) {
  switch (KindOf(options)) {
    case Database::kMariaDb:
      return InstallMariaDb(options);
    case Database::kSqlite:
      return InstallSqlite(options);
    case Database::kPostgres:
      break;
  }
  return InstallPostgres(options);
}

}  // namespace postroad::outbox
