// mariadb://user:password@host:port/database?socket=/path
#ifndef POSTROAD_OUTBOX_MARIADB_URL_H_
#define POSTROAD_OUTBOX_MARIADB_URL_H_

#include <cstdint>
#include <map>
#include <string>

#include "core/error.h"

namespace postroad::outbox::mariadb {

struct Url {
  std::string user, password, host, database;
  uint16_t port = 0;  // 0: the usual
  std::map<std::string, std::string> query;
};

// Parts may be percent-encoded. INVALID_ARGUMENT without any of the URL, which may hold a password.
Result<Url> ParseUrl(const std::string& text);

}  // namespace postroad::outbox::mariadb

#endif  // POSTROAD_OUTBOX_MARIADB_URL_H_
