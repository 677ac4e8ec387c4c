// Addresses to listen on.
#ifndef POSTROAD_SERVER_CONFIG_ADDRESS_H_
#define POSTROAD_SERVER_CONFIG_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad::server {

struct Address {
  std::string host;  // without the brackets of IPv6
  uint16_t port = 0;

  std::string ToString() const;  // "[::1]:7400"
  // Whether only this machine can reach it. A name other than localhost counts as reachable.
  bool IsLoopback() const;
};

// "host:port" or "[v6]:port"; INVALID_ARGUMENT "must be …".
Result<Address> ParseAddress(std::string_view text);

inline bool IsUnixSocket(std::string_view text) { return text.starts_with("unix:"); }

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_ADDRESS_H_
