// gRPC's own log lines, written as ours.
#ifndef POSTROAD_SERVER_GRPC_LOG_H_
#define POSTROAD_SERVER_GRPC_LOG_H_

namespace postroad::server {

// For the whole process, from now on.
void TakeGrpcLog();

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_GRPC_LOG_H_
