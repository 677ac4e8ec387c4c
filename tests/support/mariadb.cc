// See mariadb.h.
#include "support/mariadb.h"

#include <gtest/gtest.h>
#include <mariadb/mysql.h>
#include <pwd.h>
#include <unistd.h>

namespace postroad::testing {
namespace {

constexpr const char* kServerUser = "mysql";

MYSQL* Open(const std::string& socket, const std::string& database) {
  MYSQL* db = mysql_init(nullptr);
  if (mysql_real_connect(db, nullptr, "root", "", database.empty() ? nullptr : database.c_str(), 0,
                         socket.c_str(), 0) != nullptr) {
    return db;
  }
  mysql_close(db);
  return nullptr;
}

// The folder that scripts/mysql.sh fills; "" if there is none.
const std::string& MySqlFolder() {
  static const std::string folder = [] {
    const Ended ended =
        RunProgram({"/usr/bin/env", "bash", POSTROAD_MYSQL_SCRIPT, "printenv", "POSTROAD_MYSQL"});
    return ended.code == 0 ? ended.output.substr(0, ended.output.find('\n')) : std::string();
  }();
  return folder;
}

}  // namespace

bool HasMySql() { return !MySqlFolder().empty(); }

MariaDbServer::MariaDbServer(Make make, std::vector<std::string> flags)
    : make_(make), flags_(std::move(flags)), socket_(folder_ / "socket") {
  Initialize();
  Start();
}

void MariaDbServer::Initialize() {
  if (make_ == Make::kMySql) {
    const Ended made = RunProgram(
        AsServer({MySqlFolder() + "/bin/mysqld", "--no-defaults", "--initialize-insecure",
                  "--basedir=" + MySqlFolder(), "--datadir=" + (folder_ / "data")}));
    EXPECT_EQ(made.code, 0) << made.output;
    return;
  }
  if (geteuid() == 0) {
    const passwd* user = getpwnam(kServerUser);
    if (user == nullptr || chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0) {
      ADD_FAILURE() << "no MariaDB: apt-get install mariadb-server";
      return;
    }
  }
  const Ended made =
      RunProgram(AsServer({"mariadb-install-db", "--no-defaults", "--datadir=" + (folder_ / "data"),
                           "--auth-root-authentication-method=normal", "--skip-test-db"}));
  EXPECT_EQ(made.code, 0) << made.output;
}

MariaDbServer::~MariaDbServer() {
  if (!process_) return;
  process_->Signal(SIGTERM);
  process_->Wait();
}

std::vector<std::string> MariaDbServer::AsServer(std::vector<std::string> command) const {
  if (geteuid() != 0) return command;
  if (make_ == Make::kMySql) {
    command.emplace_back("--user=root");
    return command;
  }
  std::vector<std::string> whole = {"setpriv", std::string("--reuid=") + kServerUser,
                                    std::string("--regid=") + kServerUser, "--clear-groups"};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

void MariaDbServer::Start() {
  const bool mysql = make_ == Make::kMySql;
  std::vector<std::string> command = {mysql ? MySqlFolder() + "/bin/mysqld" : "/usr/sbin/mariadbd",
                                      "--no-defaults",
                                      "--datadir=" + (folder_ / "data"),
                                      "--socket=" + socket_,
                                      "--pid-file=" + (folder_ / "pid"),
                                      "--innodb-flush-log-at-trx-commit=2",
                                      "--innodb-buffer-pool-size=64M"};
  if (mysql) command.insert(command.end(), {"--basedir=" + MySqlFolder(), "--mysqlx=OFF"});
  if (flags_.empty()) command.emplace_back("--skip-networking");
  command.insert(command.end(), flags_.begin(), flags_.end());
  process_ = std::make_unique<Process>(AsServer(std::move(command)));
  EXPECT_TRUE(Eventually([&] {
    MYSQL* db = Open(socket_, "");
    if (db != nullptr) mysql_close(db);
    return db != nullptr;
  })) << process_->Output();
}

void MariaDbServer::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
  process_.reset();
}

std::string MariaDbServer::NewDatabase() {
  const std::string name = "test_" + std::to_string(++databases_);
  MariaDbSession(*this, "").One("CREATE DATABASE " + name);
  return name;
}

std::string MariaDbServer::UrlOf(const std::string& database, const std::string& user) const {
  return (make_ == Make::kMySql ? "mysql://" : "mariadb://") + user + "@localhost/" + database +
         "?socket=" + socket_;
}

MariaDbSession::MariaDbSession(const MariaDbServer& server, const std::string& database)
    : db_(Open(server.socket(), database)) {
  EXPECT_NE(db_, nullptr);
}

MariaDbSession::~MariaDbSession() { mysql_close(static_cast<MYSQL*>(db_)); }

bool MariaDbSession::Try(const std::string& sql) {
  return mysql_real_query(static_cast<MYSQL*>(db_), sql.data(), sql.size()) == 0;
}

std::string MariaDbSession::One(const std::string& sql) {
  auto* db = static_cast<MYSQL*>(db_);
  EXPECT_EQ(mysql_real_query(db, sql.data(), sql.size()), 0) << mysql_error(db) << "\n" << sql;
  MYSQL_RES* result = mysql_store_result(db);
  if (result == nullptr) return "";
  MYSQL_ROW row = mysql_fetch_row(result);
  std::string value = row == nullptr || row[0] == nullptr ? "" : row[0];
  mysql_free_result(result);
  return value;
}

}  // namespace postroad::testing
