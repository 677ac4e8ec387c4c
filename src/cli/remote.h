// The way to a server: the client library, set up as the command line says, with errors turned into
// what a person at a terminal can act on.
#ifndef POSTROAD_CLI_REMOTE_H_
#define POSTROAD_CLI_REMOTE_H_

#include "cli/context.h"
#include "core/error.h"
#include "postroad/postroad.h"

namespace postroad::cli {

// A client for the server of the context. UNAVAILABLE, saying what to do, if nothing listens there:
// so that a command fails at once, where the library would try again for a long time.
Result<Client> Connect(const Context& context);

// The same for a command that streams, which goes on over a lost connection: says on standard error
// that it is lost, why, and that it is back.
Result<Client> ConnectToStream(const Context& context);

// Calls of postroad.v1.Admin, each at most context.timeout.
Result<Admin> ConnectAdmin(const Context& context);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_REMOTE_H_
