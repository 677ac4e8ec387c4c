// Sources in PostgreSQL.
#ifndef POSTROAD_OUTBOX_POSTGRES_POSTGRES_SOURCE_H_
#define POSTROAD_OUTBOX_POSTGRES_POSTGRES_SOURCE_H_

#include <memory>
#include <string>

#include "outbox/options.h"
#include "outbox/source.h"
#include "outbox/waker.h"

namespace postroad::outbox {

// `options` are complete; `waker` must outlive the source.
std::unique_ptr<Source> NewPostgresSource(const SourceOptions& options, Waker& waker);
// What `postroad outbox ddl` prints.
std::string PostgresDdl(const SourceOptions& options);
// Runs that against options.url.
Status InstallPostgres(const SourceOptions& options);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_POSTGRES_POSTGRES_SOURCE_H_
