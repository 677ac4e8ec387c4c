// See postgres_source.h.
#include "outbox/postgres/postgres_source.h"

#include "outbox/flag_source.h"
#include "outbox/postgres/connection.h"
#include "outbox/postgres/ddl.h"
#include "outbox/postgres/flag_session.h"
#include "outbox/postgres/snapshot_source.h"

namespace postroad::outbox {

std::unique_ptr<Source> NewPostgresSource(const SourceOptions& options, Waker& waker) {
  if (options.layout == Layout::kPostroad && !options.marked) {
    return std::make_unique<postgres::SnapshotSource>(options, waker);
  }
  return std::make_unique<FlagSource>(options,
                                      std::make_unique<postgres::FlagSession>(options, waker));
}

std::string PostgresDdl(const SourceOptions& options) { return postgres::Ddl(options); }

Status InstallPostgres(const SourceOptions& options) {
  Waker waker;
  POSTROAD_ASSIGN(const auto connection,
                  postgres::Connection::Open(options.url, "postroad outbox install", waker));
  return connection->RunScript(postgres::Ddl(options));
}

}  // namespace postroad::outbox
