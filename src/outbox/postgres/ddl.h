// The SQL that makes Postroad's outbox in a PostgreSQL database.
#ifndef POSTROAD_OUTBOX_POSTGRES_DDL_H_
#define POSTROAD_OUTBOX_POSTGRES_DDL_H_

#include <cstdint>
#include <string>

#include "outbox/options.h"

namespace postroad::outbox::postgres {

// Tables (outbox, progress of relays, rows set aside), the function postroad_post and the trigger
// that wakes relays; for other layouts what the relay needs beside the table that is there. Can be
// run again.
std::string Ddl(const SourceOptions& options);

// Names of what belongs to a table; unquoted.
std::string ProgressTable(const std::string& table);
std::string PoisonTable(const std::string& table);
std::string Channel(const std::string& table);
// Of the advisory lock that says whether writers notify: see wakefulness.h.
int64_t WakeKey(const std::string& table);

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_DDL_H_
