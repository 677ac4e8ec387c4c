// See flag_session.h.
#include "outbox/postgres/flag_session.h"

#include <algorithm>

#include "outbox/postgres/ddl.h"
#include "outbox/postgres/session.h"

namespace postroad::outbox::postgres {

const Dialect& FlagSession::dialect() const {
  static const Dialect kDialect = {
      .now = "now()",
      .skip_locked = " FOR UPDATE SKIP LOCKED",
      .text_type = "text",
      .age =
          [](const std::string& time) {
            return "(extract(epoch FROM now() - " + time + "::timestamptz) * 1000000)::bigint";
          },
      .size = [](const std::string& column) { return "octet_length(" + column + "::text)"; }};
  static const Dialect kBytes = [] {
    Dialect bytes = kDialect;
    bytes.size = [](const std::string& column) { return "octet_length(" + column + ")"; };
    return bytes;
  }();
  return table_ && table_->payload_is_bytes() ? kBytes : kDialect;
}

Status FlagSession::Connect() {
  connection_.reset();
  POSTROAD_ASSIGN(connection_, OpenSession(options_, waker_));
  // Times without a zone are taken as UTC.
  POSTROAD_TRY(connection_->RunScript("SET TimeZone = 'UTC'"));
  POSTROAD_ASSIGN(table_, Table::Find(*connection_, options_));
  POSTROAD_TRY(Table::CheckRights(*connection_, options_.table, "SELECT, UPDATE, DELETE"));
  return Table::CheckRights(*connection_, PoisonTable(options_.table),
                            "SELECT, INSERT, UPDATE, DELETE");
}

Result<bool> FlagSession::Lead() {
  POSTROAD_ASSIGN(const bool leads, TryLead(*connection_, options_));
  if (leads) POSTROAD_TRY(Listen(*connection_, options_));
  wakefulness_.Begin();
  return leads;
}

Status FlagSession::KeepAlive() {
  POSTROAD_TRY(wakefulness_.Rest(*connection_));
  return connection_->KeepAlive();
}

std::string FlagSession::Literal(std::string_view text) const {
  std::string clean(text);
  std::ranges::replace(clean, '\0', ' ');
  return Connection::Literal(clean);
}

// Where nothing counts rows, by their transactions, and as these wrote them.
std::vector<SqlSession::Order> FlagSession::RowOrder() const {
  if (!options_.columns.order.empty()) return {{"t." + Quote(options_.columns.order)}};
  if (table_->id_is_number()) return {{"t." + Quote(options_.columns.id)}};
  return {{"age(t.xmin)", true}, {"t.ctid"}};
}

Result<std::vector<SqlSession::Row>> FlagSession::Query(const std::string& sql) {
  POSTROAD_ASSIGN(const Rows rows, connection_->Run(sql));
  std::vector<Row> list;
  for (int i = 0; i < rows.size(); ++i) {
    Row& row = list.emplace_back();
    for (int j = 0; j < rows.columns(); ++j) {
      row.push_back(rows.IsNull(i, j) ? std::nullopt : std::optional<std::string>(rows.Get(i, j)));
    }
  }
  return list;
}

Result<uint64_t> FlagSession::Change(const std::string& sql) {
  POSTROAD_ASSIGN(const Rows rows, connection_->Run(sql));
  return rows.affected();
}

Status FlagSession::ReadPage(const std::string& sql, TablePage& page) {
  POSTROAD_ASSIGN(const Rows rows, connection_->Run(sql, {}, /*binary=*/true));
  wakefulness_.NoteLook(static_cast<size_t>(rows.size()));
  table_->ReadRows(rows, page);
  return {};
}

}  // namespace postroad::outbox::postgres
