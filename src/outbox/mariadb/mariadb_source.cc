// See mariadb_source.h.
#include "outbox/mariadb/mariadb_source.h"

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
#include <mariadb/mysqld_error.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "outbox/flag_source.h"
#include "outbox/mariadb/url.h"
#include "outbox/sql_session.h"
#include "outbox/text_row.h"

namespace postroad::outbox {
namespace {

using mariadb::Url;

// Times are UTC; rows are locked one by one. A relay asks every two seconds at least (KeepAlive),
// so one that the server has not heard of in eight is gone, with its machine maybe, and its lock is
// free; so it is where the relay does not take an answer.
constexpr const char* kSettings[] = {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                                     "SET time_zone = '+00:00'",
                                     "SET SESSION innodb_lock_wait_timeout = 5",
                                     "SET SESSION wait_timeout = 8",
                                     "SET SESSION net_read_timeout = 8",
                                     "SET SESSION net_write_timeout = 8"};

struct CloseIt {
  void operator()(MYSQL* db) const { mysql_close(db); }
};
using Handle = std::unique_ptr<MYSQL, CloseIt>;
using Stored = std::shared_ptr<MYSQL_RES>;

Error ErrorOf(MYSQL* db) {
  const unsigned code = mysql_errno(db);
  ErrorCode kind = ErrorCode::kFailedPrecondition;
  if (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) kind = ErrorCode::kUnavailable;
  if (code == ER_SERVER_SHUTDOWN || code == ER_CON_COUNT_ERROR) kind = ErrorCode::kUnavailable;
  if (code == ER_LOCK_WAIT_TIMEOUT || code == ER_LOCK_DEADLOCK) kind = ErrorCode::kAborted;
  return {kind, std::string("MariaDB: ") + mysql_error(db), {}, std::to_string(code)};
}

Result<Handle> OpenDatabase(const SourceOptions& options, unsigned long flags) {
  POSTROAD_ASSIGN(const Url url, mariadb::ParseUrl(options.url));
  Handle db(mysql_init(nullptr));
  const unsigned connect_seconds = 5, answer_seconds = 120;
  mysql_options(db.get(), MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  mysql_options(db.get(), MYSQL_OPT_READ_TIMEOUT, &answer_seconds);
  mysql_options(db.get(), MYSQL_OPT_WRITE_TIMEOUT, &answer_seconds);
  mysql_options(db.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const auto socket = url.query.find("socket");
  if (const auto ca = url.query.find("ssl_ca"); ca != url.query.end()) {
    mysql_ssl_set(db.get(), nullptr, nullptr, ca->second.c_str(), nullptr, nullptr);
    const my_bool verify = 1;
    mysql_options(db.get(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  }
  if (mysql_real_connect(db.get(), url.host.empty() ? nullptr : url.host.c_str(),
                         url.user.empty() ? nullptr : url.user.c_str(), url.password.c_str(),
                         url.database.c_str(), url.port,
                         socket == url.query.end() ? nullptr : socket->second.c_str(),
                         flags) == nullptr) {
    Error error = ErrorOf(db.get());
    error.code = ErrorCode::kUnavailable;
    return Fail(std::move(error));
  }
  return db;
}

const Dialect kDialect = {
    .now = "UTC_TIMESTAMP(6)",
    .skip_locked = " FOR UPDATE SKIP LOCKED",
    .text_type = "CHAR",
    .age =
        [](const std::string& time) {
          return "TIMESTAMPDIFF(MICROSECOND, " + time + ", UTC_TIMESTAMP(6))";
        },
    .size = [](const std::string& column) { return "COALESCE(OCTET_LENGTH(" + column + "), 0)"; }};

class MariaDbSession final : public SqlSession {
 public:
  MariaDbSession(const SourceOptions& options, Waker& waker) : options_(options), waker_(waker) {}

  Status Connect() override {
    db_.reset();
    // A row that is as it should be already counts as changed.
    POSTROAD_ASSIGN(db_, OpenDatabase(options_, CLIENT_FOUND_ROWS));
    for (const char* setting : kSettings) POSTROAD_TRY(Change(setting));
    POSTROAD_ASSIGN(const auto read_only, Query("SELECT @@global.read_only"));
    if (!read_only.empty() && read_only[0][0] != "0") {
      return Fail(ErrorCode::kUnavailable,
                  "this server is read-only, a replica maybe; the relay needs the primary", {},
                  "STANDBY");
    }
    POSTROAD_ASSIGN(const auto columns, ColumnsOf(options_.table));
    POSTROAD_TRY(CheckColumns(options_, columns));
    POSTROAD_TRY(ColumnsOf(PoisonTableOf(options_.table)));
    return CheckRights();
  }

  Result<bool> Lead() override {
    POSTROAD_ASSIGN(const auto rows, Query("SELECT GET_LOCK(" + Lock(options_.name) + ", 0)"));
    return !rows.empty() && rows[0][0] == "1";
  }
  Result<bool> IsLed(const std::string& name) override {
    POSTROAD_ASSIGN(const auto rows, Query("SELECT IS_FREE_LOCK(" + Lock(name) + ")"));
    return !rows.empty() && rows[0][0] == "0";
  }

  Status KeepAlive() override {
    if (mysql_ping(db_.get()) != 0) return Fail(ErrorOf(db_.get()));
    return {};
  }

  Result<bool> Wait(Duration at_most) override {
    waker_.Wait(at_most);
    return false;
  }

  const Dialect& dialect() const override { return kDialect; }
  std::string Quote(std::string_view name) const override { return MariaDbQuoted(name); }
  std::string Literal(std::string_view text) const override {
    std::string escaped(2 * text.size() + 1, '\0');
    escaped.resize(mysql_real_escape_string(db_.get(), escaped.data(), text.data(), text.size()));
    return "'" + escaped + "'";
  }
  std::string Selected() const override {
    return TextSelection(options_.columns,
                         {.text = [](const std::string& name) { return name; },
                          .micros =
                              [](const std::string& name) {
                                return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', " + name + ")";
                              },
                          .quote = MariaDbQuoted});
  }
  std::vector<Order> RowOrder() const override {
    const Columns& c = options_.columns;
    return {{"t." + MariaDbQuoted(c.order.empty() ? c.id : c.order)}};
  }

  Result<std::vector<Row>> Query(const std::string& sql) override {
    POSTROAD_ASSIGN(const Stored result, Run(sql));
    std::vector<Row> rows;
    while (MYSQL_ROW values = mysql_fetch_row(result.get())) {
      const unsigned long* sizes = mysql_fetch_lengths(result.get());
      Row& row = rows.emplace_back();
      for (unsigned i = 0; i < mysql_num_fields(result.get()); ++i) {
        row.push_back(values[i] == nullptr
                          ? std::nullopt
                          : std::optional<std::string>(std::string(values[i], sizes[i])));
      }
    }
    return rows;
  }

  Result<uint64_t> Change(const std::string& sql) override {
    POSTROAD_TRY(Run(sql));
    return mysql_affected_rows(db_.get());
  }

  Status ReadPage(const std::string& sql, TablePage& page) override {
    POSTROAD_ASSIGN(const Stored result, Run(sql));
    PageBuilder builder(page, result, options_.topic_prefix);
    while (MYSQL_ROW values = mysql_fetch_row(result.get())) {
      const unsigned long* sizes = mysql_fetch_lengths(result.get());
      TableRow row = RowOfTexts([&](size_t i) -> std::optional<std::string_view> {
        if (values[i] == nullptr) return std::nullopt;
        return std::string_view(values[i], sizes[i]);
      });
      builder.Add(row);
    }
    builder.Finish();
    return {};
  }

 private:
  // Names of locks are few letters, and the server's, not the database's.
  std::string Lock(const std::string& reader) const {
    return "CONCAT('postroad.', LEFT(MD5(DATABASE()), 16), '." +
           std::to_string(EventFingerprint(options_.table, reader)) + "')";
  }

  // The result, null for a command that has none.
  Result<Stored> Run(const std::string& sql) {
    if (mysql_real_query(db_.get(), sql.data(), sql.size()) != 0) return Fail(ErrorOf(db_.get()));
    MYSQL_RES* result = mysql_store_result(db_.get());
    if (result == nullptr && mysql_errno(db_.get()) != 0) return Fail(ErrorOf(db_.get()));
    return Stored(result, [](MYSQL_RES* done) {
      if (done != nullptr) mysql_free_result(done);
    });
  }

  Result<std::vector<std::string>> ColumnsOf(const std::string& table) {
    const auto rows = Query("SHOW COLUMNS FROM " + MariaDbQuoted(table));
    if (!rows && rows.error().reason == std::to_string(ER_NO_SUCH_TABLE)) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "there is no table " + table + "; `postroad outbox install` makes it", {},
                  "NO_TABLE");
    }
    if (!rows) return Fail(Lacks(rows.error(), "SELECT", table));
    std::vector<std::string> columns;
    for (const Row& row : *rows) columns.push_back(row[0].value_or(""));
    return columns;
  }

  // The server checks rights before it finds that there is nothing to do.
  Status CheckRights() {
    const std::string& own = options_.table;
    const std::string poison = PoisonTableOf(own);
    const std::string none = " WHERE 1 = 0", no_row = " FROM DUAL WHERE 1 = 0";
    const std::string id = MariaDbQuoted(options_.columns.id);
    for (const auto& [right, table, sql] :
         std::initializer_list<std::tuple<std::string, std::string, std::string>>{
             {"SELECT", own, "SELECT 1 FROM " + MariaDbQuoted(own) + none},
             {"UPDATE", own, "UPDATE " + MariaDbQuoted(own) + " SET " + id + " = " + id + none},
             {"DELETE", own, "DELETE FROM " + MariaDbQuoted(own) + none},
             {"SELECT", poison, "SELECT 1 FROM " + MariaDbQuoted(poison) + none},
             {"INSERT", poison,
              "INSERT INTO " + MariaDbQuoted(poison) + " (reader, id, reason) SELECT '', '', ''" +
                  no_row},
             {"UPDATE", poison, "UPDATE " + MariaDbQuoted(poison) + " SET tries = 1" + none},
             {"DELETE", poison, "DELETE FROM " + MariaDbQuoted(poison) + none}}) {
      if (const auto tried = Run(sql); !tried) return Fail(Lacks(tried.error(), right, table));
    }
    return {};
  }

  static Error Lacks(Error error, const std::string& right, const std::string& table) {
    if (error.reason != std::to_string(ER_TABLEACCESS_DENIED_ERROR) &&
        error.reason != std::to_string(ER_COLUMNACCESS_DENIED_ERROR)) {
      return error;
    }
    error.message =
        "the user lacks a right: GRANT " + right + " ON " + table + " (" + error.message + ")";
    error.reason = "NO_RIGHT";
    return error;
  }

  const SourceOptions options_;
  Waker& waker_;
  Handle db_;
};

}  // namespace

std::unique_ptr<Source> NewMariaDbSource(const SourceOptions& options, Waker& waker) {
  return std::make_unique<FlagSource>(options, std::make_unique<MariaDbSession>(options, waker));
}

Status InstallMariaDb(const SourceOptions& options) {
  POSTROAD_ASSIGN(const Handle db, OpenDatabase(options, CLIENT_MULTI_STATEMENTS));
  const std::string sql = MariaDbDdl(options);
  if (mysql_real_query(db.get(), sql.data(), sql.size()) != 0) return Fail(ErrorOf(db.get()));
  int next = 0;
  do {
    if (MYSQL_RES* result = mysql_store_result(db.get())) mysql_free_result(result);
    next = mysql_next_result(db.get());
  } while (next == 0);
  if (next > 0) return Fail(ErrorOf(db.get()));
  return {};
}

std::string MariaDbQuoted(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) {
    quoted += c == '.' ? "`.`" : c == '`' ? "``" : std::string(1, c);
  }
  return quoted + "`";
}

}  // namespace postroad::outbox
