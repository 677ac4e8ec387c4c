// See postgres.h.
#include "support/postgres.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace postroad::testing {
namespace {

constexpr const char* kServerUser = "postgres";
constexpr int kUsualPort = 5432;  // names the Unix socket, too

// The newest that is installed.
std::string ProgramsFolder() {
  std::string newest;
  int version = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
    const int found = std::atoi(entry.path().filename().c_str());
    if (found > version && std::filesystem::exists(entry.path() / "bin/postgres")) {
      version = found;
      newest = entry.path() / "bin";
    }
  }
  return newest;
}

bool Answers(const std::string& url) {
  PGconn* connection = PQconnectdb(url.c_str());
  const bool good = PQstatus(connection) == CONNECTION_OK;
  PQfinish(connection);
  return good;
}

}  // namespace

PgSession::PgSession(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
  EXPECT_EQ(PQstatus(connection_), CONNECTION_OK) << PQerrorMessage(connection_);
  PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
}

PgSession::~PgSession() { PQfinish(connection_); }

PgSession::Table PgSession::Run(const std::string& sql) {
  PGresult* result = PQexec(connection_, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  EXPECT_TRUE(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
      << sql.substr(0, 500) << "\n"
      << PQresultErrorMessage(result);
  Table table;
  for (int i = 0; i < PQntuples(result); ++i) {
    auto& row = table.emplace_back();
    for (int j = 0; j < PQnfields(result); ++j) row.emplace_back(PQgetvalue(result, i, j));
  }
  PQclear(result);
  return table;
}

std::string PgSession::One(const std::string& sql) {
  const Table table = Run(sql);
  return table.empty() || table[0].empty() ? "" : table[0][0];
}

std::string PgSession::Try(const std::string& sql) {
  PGresult* result = PQexec(connection_, sql.c_str());
  std::string error = PQresultErrorMessage(result);
  PQclear(result);
  return error;
}

PostgresServer::PostgresServer(bool durable) : PostgresServer(durable, 0) {}
PostgresServer::PostgresServer(WithPort) : PostgresServer(false, FreePort()) {}

PostgresServer::PostgresServer(bool durable, int port) : durable_(durable), port_(port) {
  FindPrograms();
  const Ended made =
      RunProgram(AsServer({programs_ + "/initdb", "-D", folder_ / "data", "-U", kServerUser, "-A",
                           "trust", "-E", "UTF8", "--no-locale", "--no-sync"}));
  EXPECT_EQ(made.code, 0) << made.output;
  Start();
}

PostgresServer::PostgresServer(const PostgresServer& primary) : durable_(primary.durable_) {
  FindPrograms();
  const Ended made = RunProgram(
      AsServer({programs_ + "/pg_basebackup", "-h", primary.folder_.path(), "-U", kServerUser, "-D",
                folder_ / "data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"}));
  EXPECT_EQ(made.code, 0) << made.output;
  Start();
}

// And gives the folder to who runs them.
void PostgresServer::FindPrograms() {
  programs_ = ProgramsFolder();
  if (programs_.empty()) {
    ADD_FAILURE() << "no PostgreSQL: apt-get install postgresql";
    return;
  }
  if (geteuid() == 0) {
    const passwd* user = getpwnam(kServerUser);
    if (user == nullptr || chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) {
      ADD_FAILURE() << "there is no user " << kServerUser;
      return;
    }
  }
}

PostgresServer::~PostgresServer() {
  if (!process_) return;
  process_->Signal(SIGINT);  // fast shutdown
  process_->Wait();
}

std::vector<std::string> PostgresServer::AsServer(std::vector<std::string> command) const {
  if (geteuid() != 0) return command;
  std::vector<std::string> whole = {"setpriv", std::string("--reuid=") + kServerUser,
                                    std::string("--regid=") + kServerUser, "--clear-groups"};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

// After kill -9 its children may hold the shared memory for a moment, and it refuses to start.
void PostgresServer::Start() {
  const std::string url = UrlOf("postgres");
  ASSERT_TRUE(Eventually([&] {
    if (!process_ || process_->ExitCode()) {
      process_ = std::make_unique<Process>(
          AsServer({programs_ + "/postgres", "-D", folder_ / "data", "-k", folder_.path(), "-c",
                    port_ == 0 ? "listen_addresses=" : "listen_addresses=127.0.0.1", "-p",
                    std::to_string(port_ == 0 ? kUsualPort : port_), "-c",
                    std::string("fsync=") + (durable_ ? "on" : "off"), "-c", "max_connections=50",
                    "-c", "max_prepared_transactions=10"}));
    }
    return Answers(url);
  })) << process_->Output();
}

void PostgresServer::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
  process_.reset();
}

std::string PostgresServer::NewDatabase() {
  const std::string name = "test_" + std::to_string(++databases_);
  PgSession(UrlOf("postgres")).Run("CREATE DATABASE " + name);
  return UrlOf(name);
}

void PostgresServer::Promote() {
  const Ended promoted =
      RunProgram(AsServer({programs_ + "/pg_ctl", "promote", "-D", folder_ / "data"}));
  EXPECT_EQ(promoted.code, 0) << promoted.output;
}

std::string PostgresServer::DatabaseOf(const std::string& url) {
  const size_t begin = url.rfind('/', url.find('?')) + 1;
  return url.substr(begin, url.find('?') - begin);
}

std::string PostgresServer::UrlOf(const std::string& database,
                                  const std::vector<const PostgresServer*>& servers) const {
  std::string hosts;
  for (const PostgresServer* server : servers) {
    hosts += (hosts.empty() ? "" : ",") + server->folder_.path();
  }
  if (hosts.empty()) hosts = folder_.path();
  return "postgresql:///" + database + "?host=" + hosts + "&user=" + kServerUser +
         (port_ == 0 ? "" : "&port=" + std::to_string(port_));
}

std::string PostgresServer::JdbcUrlOf(const std::string& url) const {
  const size_t name = url.find(":///") + 4;
  return "jdbc:postgresql://127.0.0.1:" + std::to_string(port_) + "/" +
         url.substr(name, url.find('?') - name) + "?user=" + kServerUser;
}

}  // namespace postroad::testing
