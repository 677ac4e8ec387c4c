// See sources.h.
#include "outbox/sources/sources.h"

#include "outbox/postgres/postgres_source.h"

namespace postroad::outbox {

std::unique_ptr<Source> NewSource(const SourceOptions& options, Waker& waker) {
  return NewPostgresSource(options, waker);
}

std::string Ddl(const SourceOptions& options) { return PostgresDdl(options); }

Status Install(const SourceOptions& options) { return InstallPostgres(options); }

}  // namespace postroad::outbox
