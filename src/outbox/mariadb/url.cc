// See url.h.
#include "outbox/mariadb/url.h"

#include <charconv>
#include <string_view>

namespace postroad::outbox::mariadb {
namespace {

Result<std::string> Decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || read.ptr != digits.data() + 2) {
      return Invalid("url", "has a % that two hexadecimal digits do not follow");
    }
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

// What is before the first `mark`, which is taken off `rest` with it; all of it if there is none.
std::string_view Take(std::string_view& rest, char mark) {
  const size_t at = rest.find(mark);
  const std::string_view part = rest.substr(0, at);
  rest = at == rest.npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

}  // namespace

Result<Url> ParseUrl(const std::string& text) {
  Url url;
  std::string_view rest = text;
  rest.remove_prefix(rest.find("://") + 3);
  std::string_view main = Take(rest, '?');
  std::string_view authority = Take(main, '/');
  POSTROAD_ASSIGN(url.database, Decoded(main));
  if (const size_t at = authority.rfind('@'); at != authority.npos) {
    std::string_view user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    POSTROAD_ASSIGN(url.user, Decoded(Take(user, ':')));
    POSTROAD_ASSIGN(url.password, Decoded(user));
  }
  POSTROAD_ASSIGN(url.host, Decoded(Take(authority, ':')));
  if (!authority.empty()) {
    const auto read =
        std::from_chars(authority.data(), authority.data() + authority.size(), url.port);
    if (read.ec != std::errc{} || read.ptr != authority.data() + authority.size()) {
      return Invalid("url", "has a port that is none");
    }
  }
  while (!rest.empty()) {
    std::string_view pair = Take(rest, '&');
    POSTROAD_ASSIGN(const std::string name, Decoded(Take(pair, '=')));
    if (name != "socket" && name != "ssl_ca") {
      return Invalid("url", "has an unknown parameter `" + name + "`: socket and ssl_ca are known");
    }
    POSTROAD_ASSIGN(url.query[name], Decoded(pair));
  }
  if (url.database.empty()) return Invalid("url", "names no database");
  return url;
}

}  // namespace postroad::outbox::mariadb
