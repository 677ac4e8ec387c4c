// Sources in SQLite files.
#ifndef POSTROAD_OUTBOX_SQLITE_SQLITE_SOURCE_H_
#define POSTROAD_OUTBOX_SQLITE_SQLITE_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>

#include "outbox/options.h"
#include "outbox/source.h"
#include "outbox/waker.h"

namespace postroad::outbox {

// `options` are complete, their URL is sqlite:/path; `waker` must outlive the source. The one relay
// that works holds a lock on the file "<path>-<name>.relay".
std::unique_ptr<Source> NewSqliteSource(const SourceOptions& options, Waker& waker);
// A name for SQL.
std::string SqliteQuoted(std::string_view name);
std::string SqliteDdl(const SourceOptions& options);
Status InstallSqlite(const SourceOptions& options);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_SQLITE_SQLITE_SOURCE_H_
