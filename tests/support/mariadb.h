// A real MariaDB or MySQL of the test's own, and sessions with it.
#ifndef POSTROAD_TESTS_SUPPORT_MARIADB_H_
#define POSTROAD_TESTS_SUPPORT_MARIADB_H_

#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace postroad::testing {

// Whether there is a MySQL on this machine (scripts/mysql.sh); if not, tests of it are skipped.
bool HasMySql();

// A server in a temporary folder, reached by a Unix socket; under root MariaDB runs as the user
// that its package has made.
class MariaDbServer {
 public:
  enum class Make { kMariaDb, kMySql };

  // Ready when constructed. `flags` are further ones of the server.
  explicit MariaDbServer(Make make = Make::kMariaDb, std::vector<std::string> flags = {});
  ~MariaDbServer();

  const std::string& socket() const { return socket_; }
  // A new, empty database's name.
  std::string NewDatabase();
  // "mariadb://root@localhost/name?socket=…"
  std::string UrlOf(const std::string& database, const std::string& user = "root") const;
  void Kill();   // -9
  void Start();  // again after Kill, on the same data

 private:
  void Initialize();
  std::vector<std::string> AsServer(std::vector<std::string> command) const;

  const Make make_;
  const std::vector<std::string> flags_;
  TempFolder folder_;
  std::string socket_;
  std::unique_ptr<Process> process_;
  int databases_ = 0;
};

// A session; a failed command is a test failure.
class MariaDbSession {
 public:
  MariaDbSession(const MariaDbServer& server, const std::string& database);
  ~MariaDbSession();
  MariaDbSession(const MariaDbSession&) = delete;

  // The first column of the first row; "" if there is none.
  std::string One(const std::string& sql);
  // Whether it went well, which is up to the test.
  bool Try(const std::string& sql);

 private:
  void* db_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_MARIADB_H_
