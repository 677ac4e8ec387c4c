// A connection to PostgreSQL (libpq) whose waits end when the relay is told to stop.
#ifndef POSTROAD_OUTBOX_POSTGRES_CONNECTION_H_
#define POSTROAD_OUTBOX_POSTGRES_CONNECTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "outbox/waker.h"

struct pg_conn;
struct pg_result;

namespace postroad::outbox::postgres {

// A query's rows.
class Rows {
 public:
  explicit Rows(std::shared_ptr<pg_result> result) : result_(std::move(result)) {}

  int size() const;
  int columns() const;
  bool IsNull(int row, int column) const;
  // As the server sent it: text or, if asked for, binary. Lives as long as storage().
  std::string_view Get(int row, int column) const;
  int64_t Number(int row, int column) const;  // of text form; 0 if it is none
  bool Flag(int row, int column) const { return Get(row, column) == "t"; }
  uint64_t affected() const;  // rows that a command changed
  std::shared_ptr<const void> storage() const { return result_; }

 private:
  std::shared_ptr<pg_result> result_;
};

// A parameter, in text form; nothing: NULL.
using Parameter = std::optional<std::string>;
using Parameters = std::vector<Parameter>;

// On one thread.
class Connection {
 public:
  // `url` is what libpq takes: postgres://user@host/database. UNAVAILABLE if there is no
  // connection; `waker` outlives it.
  static Result<std::unique_ptr<Connection>> Open(const std::string& url,
                                                  const std::string& application, Waker& waker);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // UNAVAILABLE if the connection is lost, CANCELLED if the waker stopped and its
  // grace is over; else the server's error:
  // PERMISSION_DENIED, FAILED_PRECONDITION; reason is the SQLSTATE. What has parameters is prepared
  // the first time, so its text is to be one of a few.
  Result<Rows> Run(const std::string& sql, const Parameters& parameters = {}, bool binary = false);
  // Asks the server for nothing, so that it hears of this session.
  Status KeepAlive();
  // Several commands without parameters, in one transaction.
  Status RunScript(const std::string& sql);

  // Until a notification on a channel that is listened to; true if there was one.
  Result<bool> WaitForNotice(Duration at_most);

  // "name" for use in SQL; parts of "schema.name" each.
  static std::string Quote(std::string_view name);
  static std::string Literal(std::string_view text);

 private:
  Connection(pg_conn* connection, Waker& waker) : connection_(connection), waker_(waker) {}
  Result<std::string> Prepare(const std::string& sql);
  Result<std::shared_ptr<pg_result>> Finish();
  Status AwaitAnswer();
  bool TakeNotices();
  Error Lost() const;

  pg_conn* const connection_;
  Waker& waker_;
  std::map<std::string, std::string> prepared_;  // statements' names by their text
};

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_CONNECTION_H_
