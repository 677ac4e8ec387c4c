// See address.h.
#include "server/config/address.h"

#include <arpa/inet.h>

#include <charconv>

#include "server/config/setting_value.h"

namespace postroad::server {
namespace {

std::unexpected<Error> Bad(std::string_view text) {
  return Invalid({}, "must be an address and port such as 127.0.0.1:7401 or [::1]:7401, not " +
                         ShowText(text));
}

bool IsV6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

Result<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return Bad(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  Address address;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return Bad(text);
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  address.host = host;
  if (host.empty() || bracketed != IsV6(address.host)) return Bad(text);
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '/') return Bad(text);
  }
  return address;
}

std::string Address::ToString() const {
  const std::string shown = host.find(':') == host.npos ? host : "[" + host + "]";
  return shown + ":" + std::to_string(port);
}

bool Address::IsLoopback() const {
  if (host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return false;
}

}  // namespace postroad::server
