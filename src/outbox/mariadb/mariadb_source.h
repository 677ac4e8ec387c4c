// Sources in MariaDB and MySQL.
#ifndef POSTROAD_OUTBOX_MARIADB_MARIADB_SOURCE_H_
#define POSTROAD_OUTBOX_MARIADB_MARIADB_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>

#include "outbox/options.h"
#include "outbox/source.h"
#include "outbox/waker.h"

namespace postroad::outbox {

// `options` are complete; their URL is mariadb://user:password@host:port/database, also with
// ?socket=/path or ?ssl_ca=/file.pem (the server's certificate is then verified). `waker` must
// outlive the source.
std::unique_ptr<Source> NewMariaDbSource(const SourceOptions& options, Waker& waker);
// A name, also `schema.table`, for SQL.
std::string MariaDbQuoted(std::string_view name);
std::string MariaDbDdl(const SourceOptions& options);
Status InstallMariaDb(const SourceOptions& options);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_MARIADB_MARIADB_SOURCE_H_
