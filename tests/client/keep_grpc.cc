// Keeps gRPC from shutting down before the program ends. Where one of its own threads lets go of
// the last channel, gRPC starts another thread to shut down; that may not have begun at the end of
// the program, and what it is given to begin with then counts as leaked.
#include <grpc/grpc.h>

namespace {

[[maybe_unused]] const bool kept = (grpc_init(), true);

}  // namespace
