// See connection.h.
#include "outbox/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>

namespace postroad::outbox::postgres {
namespace {

// A server that does not answer a query in this time is taken for gone.
constexpr Duration kPatience = std::chrono::minutes(2);

std::string Trimmed(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

ErrorCode CodeOf(std::string_view state) {
  if (state == "42501") return ErrorCode::kPermissionDenied;
  if (state.starts_with("08") || state.starts_with("57P")) return ErrorCode::kUnavailable;
  if (state.starts_with("40") || state.starts_with("55")) return ErrorCode::kAborted;
  if (state.starts_with("53")) return ErrorCode::kResourceExhausted;
  return ErrorCode::kFailedPrecondition;
}

Error ErrorOf(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string code = state == nullptr ? "" : state;
  return {CodeOf(code), "PostgreSQL: " + Trimmed(PQresultErrorMessage(result)), {}, code};
}

bool IsGood(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

}  // namespace

int Rows::size() const { return PQntuples(result_.get()); }
int Rows::columns() const { return PQnfields(result_.get()); }
bool Rows::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column); }
std::string_view Rows::Get(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}
int64_t Rows::Number(int row, int column) const {
  const std::string_view text = Get(row, column);
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}
uint64_t Rows::affected() const {
  const std::string_view text = PQcmdTuples(result_.get());
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& url,
                                                     const std::string& application, Waker& waker) {
  // What the URL itself says comes last and wins.
  // Of several hosts the one is taken that is no standby.
  const char* names[] = {"connect_timeout",
                         "keepalives_idle",
                         "keepalives_interval",
                         "keepalives_count",
                         "tcp_user_timeout",
                         "client_encoding",
                         "application_name",
                         "target_session_attrs",
                         "dbname",
                         nullptr};
  const char* values[] = {
      "5", "5", "2", "3", "15000", "UTF8", application.c_str(), "read-write", url.c_str(), nullptr};
  PGconn* opened = PQconnectdbParams(names, values, /*expand_dbname=*/1);
  std::unique_ptr<Connection> connection(new Connection(opened, waker));
  if (PQstatus(opened) != CONNECTION_OK) return Fail(connection->Lost());
  PQsetnonblocking(opened, 1);
  PQsetNoticeProcessor(opened, [](void*, const char*) {}, nullptr);
  return connection;
}

Connection::~Connection() { PQfinish(connection_); }

Error Connection::Lost() const {
  return {ErrorCode::kUnavailable, "PostgreSQL: " + Trimmed(PQerrorMessage(connection_))};
}

Result<Rows> Connection::Run(const std::string& sql, const Parameters& parameters, bool binary) {
  std::string name;
  if (!parameters.empty()) {
    POSTROAD_ASSIGN(name, Prepare(sql));
  }
  std::vector<const char*> values;
  for (const Parameter& one : parameters) values.push_back(one ? one->c_str() : nullptr);
  const auto count = static_cast<int>(values.size());
  const int sent = name.empty() ? PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr,
                                                    nullptr, nullptr, binary)
                                : PQsendQueryPrepared(connection_, name.c_str(), count,
                                                      values.data(), nullptr, nullptr, binary);
  if (!sent) return Fail(Lost());
  POSTROAD_ASSIGN(std::shared_ptr<PGresult> result, Finish());
  if (!IsGood(result.get())) return Fail(ErrorOf(result.get()));
  return Rows(std::move(result));
}

// The statement's name, new or known.
Result<std::string> Connection::Prepare(const std::string& sql) {
  if (const auto known = prepared_.find(sql); known != prepared_.end()) return known->second;
  const std::string name = "p" + std::to_string(prepared_.size());
  if (!PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr)) return Fail(Lost());
  POSTROAD_ASSIGN(const std::shared_ptr<PGresult> result, Finish());
  if (!IsGood(result.get())) return Fail(ErrorOf(result.get()));
  prepared_[sql] = name;
  return name;
}

Status Connection::KeepAlive() { return RunScript("SELECT"); }

Status Connection::RunScript(const std::string& sql) {
  if (!PQsendQuery(connection_, sql.c_str())) return Fail(Lost());
  POSTROAD_ASSIGN(const std::shared_ptr<PGresult> result, Finish());
  if (!IsGood(result.get())) return Fail(ErrorOf(result.get()));
  return {};
}

// The answer to what was sent: the last result, or the first that is an error.
Result<std::shared_ptr<PGresult>> Connection::Finish() {
  std::shared_ptr<PGresult> last;
  while (true) {
    POSTROAD_TRY(AwaitAnswer());
    std::shared_ptr<PGresult> next(PQgetResult(connection_), PQclear);
    if (!next) break;
    if (!last || IsGood(last.get())) last = std::move(next);
  }
  if (!last || PQstatus(connection_) != CONNECTION_OK) return Fail(Lost());
  return last;
}

Status Connection::AwaitAnswer() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    const int unsent = PQflush(connection_);
    if (unsent < 0) return Fail(Lost());
    if (unsent == 0 && !PQisBusy(connection_)) return {};
    const auto left = end - std::chrono::steady_clock::now();
    const short events = unsent == 0 ? POLLIN : POLLIN | POLLOUT;
    if (!waker_.Await(PQsocket(connection_), events, left)) {
      if (waker_.over()) return Fail(ErrorCode::kCancelled, "the relay is stopping");
      if (left > Duration{}) continue;
      return Fail(ErrorCode::kUnavailable, "PostgreSQL: no answer in " + FormatDuration(kPatience));
    }
    if (!PQconsumeInput(connection_)) return Fail(Lost());
  }
}

bool Connection::TakeNotices() {
  bool any = false;
  while (PGnotify* notice = PQnotifies(connection_)) {
    PQfreemem(notice);
    any = true;
  }
  return any;
}

Result<bool> Connection::WaitForNotice(Duration at_most) {
  if (TakeNotices()) return true;
  if (!waker_.Wait(PQsocket(connection_), POLLIN, at_most)) return false;
  if (!PQconsumeInput(connection_)) return Fail(Lost());
  return TakeNotices();
}

std::string Connection::Quote(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '.') {
      quoted += "\".\"";
    } else {
      quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
  }
  return quoted + "\"";
}

std::string Connection::Literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace postroad::outbox::postgres
