// See sqlite_source.h.
#include "outbox/sqlite/sqlite_source.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <deque>
#include <utility>

#include "outbox/flag_source.h"
#include "outbox/sql_session.h"
#include "outbox/text_row.h"

namespace postroad::outbox {
namespace {

// How long a writer may keep the file to itself.
constexpr int kBusyMillis = 5000;

std::string PathOf(const std::string& url) {
  std::string path = url.substr(std::string_view("sqlite:").size());
  if (path.starts_with("//")) path.erase(0, 2);
  return path;
}

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Close>;
using Handle = std::unique_ptr<sqlite3, Close>;

Error ErrorOf(sqlite3* db, int code) {
  const int kind = code & 0xff;
  const bool busy = kind == SQLITE_BUSY || kind == SQLITE_LOCKED;
  const bool away = kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR;
  return {busy   ? ErrorCode::kAborted
          : away ? ErrorCode::kUnavailable
                 : ErrorCode::kFailedPrecondition,
          std::string("SQLite: ") + (db == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db))};
}

Result<Handle> Open(const std::string& path, int flags) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle db(opened);
  if (code != SQLITE_OK) {
    Error error = ErrorOf(db.get(), code);
    error.message += ": " + path;
    return Fail(std::move(error));
  }
  sqlite3_busy_timeout(db.get(), kBusyMillis);
  return db;
}

std::optional<std::string_view> Value(sqlite3_stmt* statement, int column) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return std::nullopt;
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return bytes == nullptr ? std::string_view("") : std::string_view(bytes, size);
}

const Dialect kDialect = {
    .now = "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    .skip_locked = "",
    .text_type = "TEXT",
    .begin = "BEGIN IMMEDIATE",
    .age =
        [](const std::string& time) {
          return "CAST((julianday('now') - julianday(" + time + ")) * 86400000000 AS INTEGER)";
        },
    .size = [](const std::string& column) { return "length(CAST(" + column + " AS BLOB))"; }};

class SqliteSession final : public SqlSession {
 public:
  SqliteSession(const SourceOptions& options, Waker& waker)
      : options_(options), path_(PathOf(options.url)), waker_(waker) {}
  ~SqliteSession() override { Unlock(); }

  Status Connect() override {
    Unlock();
    POSTROAD_ASSIGN(db_, Open(path_, SQLITE_OPEN_READWRITE));
    if (sqlite3_db_readonly(db_.get(), "main") == 1) {
      return Fail(ErrorCode::kFailedPrecondition, "this user may not write " + path_, {},
                  "NO_RIGHT");
    }
    POSTROAD_ASSIGN(const auto columns, ColumnsOf(options_.table));
    POSTROAD_TRY(CheckColumns(options_, columns));
    POSTROAD_TRY(ColumnsOf(PoisonTableOf(options_.table)));
    return {};
  }

  Result<bool> IsLed(const std::string& name) override {
    const int file = open(LockOf(name).c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return false;  // there never was one
    const bool free = flock(file, LOCK_EX | LOCK_NB) == 0;
    close(file);
    return !free;
  }
  // The lock goes with the process.
  Result<bool> Lead() override {
    const std::string path = LockOf(options_.name);
    if (lock_ < 0) lock_ = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (lock_ < 0) return Fail(ErrorCode::kFailedPrecondition, "cannot make the file " + path);
    return flock(lock_, LOCK_EX | LOCK_NB) == 0;
  }

  Status KeepAlive() override { return {}; }

  Result<bool> Wait(Duration at_most) override {
    waker_.Wait(at_most);
    return false;
  }

  const Dialect& dialect() const override { return kDialect; }
  std::string Quote(std::string_view name) const override { return SqliteQuoted(name); }
  std::string Literal(std::string_view text) const override {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c == '\0' ? ' ' : c);
    return quoted + "'";
  }
  std::string Selected() const override {
    return TextSelection(
        options_.columns,
        {.text = [](const std::string& name) { return "CAST(" + name + " AS TEXT)"; },
         .micros =
             [](const std::string& name) {
               return "CAST(round((julianday(" + name +
                      ") - 2440587.5) * 86400000.0) AS INTEGER) * 1000";
             },
         .quote = SqliteQuoted});
  }
  std::vector<Order> RowOrder() const override {
    const Columns& c = options_.columns;
    return {{"t." + SqliteQuoted(c.order.empty() ? c.id : c.order)}};
  }

  Result<std::vector<Row>> Query(const std::string& sql) override {
    std::vector<Row> rows;
    POSTROAD_TRY(ForEach(sql, [&](sqlite3_stmt* statement) {
      Row& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto value = Value(statement, i);
        row.push_back(value ? std::optional<std::string>(*value) : std::nullopt);
      }
    }));
    return rows;
  }

  Result<uint64_t> Change(const std::string& sql) override {
    POSTROAD_TRY(ForEach(sql, [](sqlite3_stmt*) {}));
    return static_cast<uint64_t>(sqlite3_changes64(db_.get()));
  }

  Status ReadPage(const std::string& sql, TablePage& page) override {
    auto texts = std::make_shared<std::deque<std::string>>();
    PageBuilder builder(page, texts, options_.topic_prefix);
    POSTROAD_TRY(ForEach(sql, [&](sqlite3_stmt* statement) {
      TableRow row = RowOfTexts([&](size_t i) -> std::optional<std::string_view> {
        const auto value = Value(statement, static_cast<int>(i));
        if (!value) return std::nullopt;
        return texts->emplace_back(*value);
      });
      builder.Add(row);
    }));
    builder.Finish();
    return {};
  }

 private:
  std::string LockOf(const std::string& reader) const { return path_ + "-" + reader + ".relay"; }

  template <typename F>
  Status ForEach(const std::string& sql, F&& each) {
    sqlite3_stmt* prepared = nullptr;
    int code = sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &prepared, nullptr);
    const Statement statement(prepared);
    if (code != SQLITE_OK) return Fail(ErrorOf(db_.get(), code));
    while ((code = sqlite3_step(prepared)) == SQLITE_ROW) each(prepared);
    if (code != SQLITE_DONE) return Fail(ErrorOf(db_.get(), code));
    return {};
  }

  Result<std::vector<std::string>> ColumnsOf(const std::string& table) {
    POSTROAD_ASSIGN(const auto rows,
                    Query("SELECT name FROM pragma_table_info(" + Literal(table) + ")"));
    std::vector<std::string> columns;
    for (const Row& row : rows) columns.push_back(row[0].value_or(""));
    if (columns.empty()) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "there is no table " + table + " in " + path_ +
                      "; `postroad outbox install` "
                      "makes it",
                  {}, "NO_TABLE");
    }
    return columns;
  }

  void Unlock() {
    if (lock_ >= 0) close(lock_);
    lock_ = -1;
  }

  const SourceOptions options_;
  const std::string path_;
  Waker& waker_;
  Handle db_;
  int lock_ = -1;
};

}  // namespace

std::unique_ptr<Source> NewSqliteSource(const SourceOptions& options, Waker& waker) {
  return std::make_unique<FlagSource>(options, std::make_unique<SqliteSession>(options, waker));
}

// Write-ahead logging lets the relay read while others write.
Status InstallSqlite(const SourceOptions& options) {
  POSTROAD_ASSIGN(const Handle db,
                  Open(PathOf(options.url), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  const std::string script = "PRAGMA journal_mode = wal;\n" + SqliteDdl(options);
  const int code = sqlite3_exec(db.get(), script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorOf(db.get(), code));
  return {};
}

std::string SqliteQuoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace postroad::outbox
