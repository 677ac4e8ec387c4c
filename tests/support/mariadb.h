// A real MariaDB of the test's own, and sessions with it.
#ifndef POSTROAD_TESTS_SUPPORT_MARIADB_H_
#define POSTROAD_TESTS_SUPPORT_MARIADB_H_

#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace postroad::testing {

// A server in a temporary folder, reached by a Unix socket; under root it runs as the user that its
// package has made.
class MariaDbServer {
 public:
  MariaDbServer();  // ready when constructed
  ~MariaDbServer();

  const std::string& socket() const { return socket_; }
  // A new, empty database's name.
  std::string NewDatabase();
  // "mariadb://root@localhost/name?socket=…"
  std::string UrlOf(const std::string& database, const std::string& user = "root") const;
  void Kill();   // -9
  void Start();  // again after Kill, on the same data

 private:
  std::vector<std::string> AsServer(std::vector<std::string> command) const;

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

 private:
  void* db_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_MARIADB_H_
