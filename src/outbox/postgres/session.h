// What every relay's session with PostgreSQL begins with.
#ifndef POSTROAD_OUTBOX_POSTGRES_SESSION_H_
#define POSTROAD_OUTBOX_POSTGRES_SESSION_H_

#include <memory>
#include <string>
#include <vector>

#include "outbox/options.h"
#include "outbox/postgres/connection.h"

namespace postroad::outbox::postgres {

// Connects, and sets what queries and a quick take-over need.
Result<std::unique_ptr<Connection>> OpenSession(const SourceOptions& options, Waker& waker);
// Takes the source's advisory lock, which lives as long as the session; false if another has it.
Result<bool> TryLead(Connection& connection, const SourceOptions& options);
// Whether a relay of that name has it. Of a session that has not.
Result<bool> IsLed(Connection& connection, const SourceOptions& options, const std::string& name);
// From now on the table's trigger wakes this session.
Status Listen(Connection& connection, const SourceOptions& options);
// If there is no such trigger, or it is not the one that `postroad outbox install` makes now.
Result<std::vector<std::string>> TriggerAdvice(Connection& connection,
                                               const SourceOptions& options);

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_SESSION_H_
