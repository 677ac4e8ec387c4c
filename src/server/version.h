// The version of this program.
#ifndef POSTROAD_SERVER_VERSION_H_
#define POSTROAD_SERVER_VERSION_H_

namespace postroad::server {

inline constexpr const char* kVersion = POSTROAD_VERSION;

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_VERSION_H_
