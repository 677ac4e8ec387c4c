// The relay target that is another Postroad server, reached by gRPC.
#ifndef POSTROAD_CLI_REMOTE_TARGET_H_
#define POSTROAD_CLI_REMOTE_TARGET_H_

#include <memory>

#include "outbox/target.h"
#include "postroad/postroad.h"

namespace postroad::cli {

Result<std::unique_ptr<outbox::Target>> NewRemoteTarget(const Client& client);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_REMOTE_TARGET_H_
