// A real PostgreSQL of the test's own, and sessions with it.
#ifndef POSTROAD_TESTS_SUPPORT_POSTGRES_H_
#define POSTROAD_TESTS_SUPPORT_POSTGRES_H_

#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

struct pg_conn;

namespace postroad::testing {

// A session; a failed command is a test failure.
class PgSession {
 public:
  using Table = std::vector<std::vector<std::string>>;  // NULL as ""

  explicit PgSession(const std::string& url);
  ~PgSession();
  PgSession(const PgSession&) = delete;

  Table Run(const std::string& sql);
  // The first column of the first row; "" if there is none.
  std::string One(const std::string& sql);
  // The error's text; "" if it went well.
  std::string Try(const std::string& sql);

 private:
  pg_conn* connection_;
};

// A server in a temporary folder, reached by a Unix socket. PostgreSQL refuses to run as root, so
// under root it runs as the user that its package has made.
class PostgresServer {
 public:
  // Ready when constructed. Only a durable one waits for the disk.
  explicit PostgresServer(bool durable = false);
  // Reached by a port of loopback besides, by clients that know no Unix sockets.
  struct WithPort {};
  explicit PostgresServer(WithPort);
  // A streaming standby of another, which has to live as long.
  explicit PostgresServer(const PostgresServer& primary);
  ~PostgresServer();

  // A new, empty database's URL.
  std::string NewDatabase();
  // A database's URL for JDBC; only WithPort.
  std::string JdbcUrlOf(const std::string& url) const;
  // kill -9 of the server as a whole.
  void Kill();
  // Starts it again after Kill, on the same data.
  void Start();
  // Makes a standby a primary.
  void Promote();

  // Of the URL that NewDatabase returned.
  static std::string DatabaseOf(const std::string& url);
  // The database on one of these servers, which libpq tries in order; on this one if there are
  // none.
  std::string UrlOf(const std::string& database,
                    const std::vector<const PostgresServer*>& servers = {}) const;

 private:
  PostgresServer(bool durable, int port);
  void FindPrograms();
  std::vector<std::string> AsServer(std::vector<std::string> command) const;

  TempFolder folder_;
  const bool durable_;
  int port_ = 0;  // 0: none
  std::string programs_;
  std::unique_ptr<Process> process_;
  int databases_ = 0;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_POSTGRES_H_
