// See grpc_log.h.
#include "server/grpc_log.h"

#include <grpc/support/log.h>

#include <cstring>
#include <string>

#include "runtime/log.h"

namespace postroad::server {
namespace {

// What gRPC calls errors are mostly clients' (a failed handshake, a reset), so they are warnings.
void Write(gpr_log_func_args* entry) {
  const char* slash = std::strrchr(entry->file, '/');
  const std::string place =
      std::string(slash == nullptr ? entry->file : slash + 1) + ":" + std::to_string(entry->line);
  const auto log = entry->severity == GPR_LOG_SEVERITY_ERROR ? LogWarn : LogDebug;
  log("grpc", {{"from", place}, {"text", entry->message}});
}

}  // namespace

void TakeGrpcLog() { gpr_set_log_function(Write); }

}  // namespace postroad::server
