// See snapshot_source.h. Cleaning is in snapshot_clean.cc, readers by name in snapshot_readers.cc.
#include "outbox/postgres/snapshot_source.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "outbox/postgres/ddl.h"

namespace postroad::outbox::postgres {
namespace {

constexpr Duration kRetryLook = std::chrono::seconds(1);
constexpr std::string_view kCluster = "(SELECT system_identifier::text FROM pg_control_system())";
// As many rows are read by the query that looks for any.
constexpr uint64_t kFewRows = 200;
// What that query selects after a row's own columns.
constexpr int kFewCount = 11, kFewSnapshot = 12;

int64_t NumberIn(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

// "10:20:12,15": what comes after the last colon as an array, and what is between the two.
std::string SnapshotSource::XipOf(const std::string& snapshot) {
  return "{" + snapshot.substr(snapshot.rfind(':') + 1) + "}";
}
std::string SnapshotSource::XmaxOf(const std::string& snapshot) {
  const size_t first = snapshot.find(':');
  return snapshot.substr(first + 1, snapshot.rfind(':') - first - 1);
}

SnapshotSource::SnapshotSource(const SourceOptions& options, Waker& waker)
    : options_(options),
      waker_(waker),
      progress_(Connection::Quote(ProgressTable(options.table))),
      poison_(options.table, options.name),
      wakefulness_(options.table, waker),
      text_(Connection::Quote(options.table)) {}

Status SnapshotSource::Connect() {
  connection_.reset();
  POSTROAD_ASSIGN(connection_, OpenSession(options_, waker_));
  POSTROAD_ASSIGN(table_, Table::Find(*connection_, options_));
  POSTROAD_TRY(Table::CheckRights(*connection_, options_.table, "SELECT, DELETE, UPDATE"));
  for (const std::string& own : {ProgressTable(options_.table), PoisonTable(options_.table)}) {
    POSTROAD_TRY(Table::CheckRights(*connection_, own, "SELECT, INSERT, UPDATE, DELETE"));
  }
  return CheckCluster();
}

// A dump brings ids of transactions, and snapshots, of the cluster that it was made in: the
// cluster's own mark tells, and for rows, or a progress that has none, that they are of the future.
Status SnapshotSource::CheckCluster() {
  POSTROAD_ASSIGN(
      const Rows rows,
      connection_->Run("SELECT EXISTS (SELECT FROM " + progress_ +
                           " WHERE reader = $1 AND (cluster <> " + std::string(kCluster) +
                           " OR pg_snapshot_xmax(coalesce(next, seen)) > "
                           "pg_snapshot_xmax(pg_current_snapshot()))) OR EXISTS (SELECT FROM " +
                           text_ + " WHERE txid > pg_snapshot_xmax(pg_current_snapshot()))",
                       {options_.name}));
  if (!rows.Flag(0, 0)) return {};
  const std::string progress = ProgressTable(options_.table);
  return Fail(ErrorCode::kFailedPrecondition,
              "rows of " + options_.table +
                  " were written in another PostgreSQL cluster. Restored from a dump? UPDATE " +
                  options_.table + " SET txid = pg_current_xact_id(); TRUNCATE " + progress +
                  "; makes all of them new. Upgraded by pg_upgrade, which keeps the ids of "
                  "transactions? UPDATE " +
                  progress + " SET cluster = NULL; goes on where the relay was",
              {}, "OTHER_CLUSTER");
}

Result<bool> SnapshotSource::Lead() {
  POSTROAD_ASSIGN(const bool leads, TryLead(*connection_, options_));
  if (!leads) return false;
  POSTROAD_TRY(LoadProgress());
  POSTROAD_TRY(Listen(*connection_, options_));
  wakefulness_.Begin();
  return true;
}

Status SnapshotSource::KeepAlive() {
  POSTROAD_TRY(wakefulness_.Rest(*connection_));
  return connection_->KeepAlive();
}

Status SnapshotSource::LoadProgress() {
  POSTROAD_TRY(connection_->Run(
      "INSERT INTO " + progress_ + " AS p (reader, seen, cluster) VALUES ($1, '1:1:', " +
          std::string(kCluster) +
          ") ON CONFLICT (reader) DO UPDATE SET cluster = excluded.cluster WHERE p.cluster IS NULL",
      {options_.name}));
  POSTROAD_ASSIGN(const Rows rows, connection_->Run("SELECT seen, next, next_id FROM " + progress_ +
                                                        " WHERE reader = $1",
                                                    {options_.name}));
  read_ = {.seen = std::string(rows.Get(0, 0))};
  if (!rows.IsNull(0, 1)) read_.next = std::string(rows.Get(0, 1));
  read_.next_id = rows.Number(0, 2);
  settled_ = read_;
  in_pass_ = 0;
  retries_sent_ = false;
  next_look_ = {};
  cleaned_to_ = cleaning_at_ = 0;
  return {};
}

Result<PagePtr> SnapshotSource::Read() {
  if (!read_.next) {
    POSTROAD_ASSIGN(PagePtr retried, ReadRetries());
    if (retried) return retried;
    bool many = false;
    POSTROAD_ASSIGN(PagePtr few, ReadFew(many));
    if (!many) return few;
    POSTROAD_ASSIGN(const bool any, Probe());
    if (!any) return PagePtr();
  }
  POSTROAD_ASSIGN(const Rows rows, in_pass_ > 0 ? ReadSmall() : ReadBacklog());
  auto page = std::make_shared<SnapshotPage>();
  table_->ReadRows(rows, *page);
  // Read by id, a pass ends with the page that finds nothing more, and settling it says so.
  if (rows.size() == 0 || rows.size() == in_pass_) {
    read_ = {.seen = *std::move(read_.next)};
  } else {
    read_.next_id = NumberIn(*page->last);
  }
  in_pass_ = 0;
  page->after = read_;
  return page;
}

// Rows set aside that are to be sent again, if it is time to look for them.
Result<PagePtr> SnapshotSource::ReadRetries() {
  const auto now = std::chrono::steady_clock::now();
  if (retries_sent_ || now < next_look_) return PagePtr();
  next_look_ = now + kRetryLook;
  const std::string wanted =
      "SELECT * FROM " + text_ + " WHERE id IN (SELECT p.id::bigint FROM " + poison_.quoted() +
      " p WHERE reader = $2 AND retry) ORDER BY id LIMIT " + std::to_string(options_.batch_rows);
  POSTROAD_ASSIGN(const Rows any,
                  connection_->Run("SELECT EXISTS (SELECT FROM " + poison_.quoted() +
                                       " WHERE reader = $1 AND retry)",
                                   {options_.name}));
  if (!any.Flag(0, 0)) return PagePtr();
  POSTROAD_ASSIGN(const Rows rows,
                  connection_->Run(PageSql(wanted),
                                   {std::to_string(options_.batch_bytes), options_.name}, true));
  if (rows.size() == 0) return PagePtr();
  auto page = std::make_shared<SnapshotPage>();
  table_->ReadRows(rows, *page);
  page->after = read_;
  page->retried = retries_sent_ = true;
  return page;
}

// What has committed since the last pass, where that is little: a pass of one query, whose own
// snapshot it is. `many` if it is more than that; null, too, if there is nothing.
Result<PagePtr> SnapshotSource::ReadFew(bool& many) {
  POSTROAD_ASSIGN(const Rows rows, connection_->Run(FewSql(),
                                                    {std::to_string(options_.batch_bytes),
                                                     XmaxOf(read_.seen), XipOf(read_.seen)},
                                                    true));
  wakefulness_.NoteLook(static_cast<size_t>(rows.size()));
  if (rows.size() == 0) return PagePtr();
  const uint64_t count = GetBig64(rows.Get(0, kFewCount).data());
  many =
      count > std::min(kFewRows, options_.batch_rows) || count > static_cast<uint64_t>(rows.size());
  if (many) return PagePtr();
  auto page = std::make_shared<SnapshotPage>();
  table_->ReadRows(rows, *page);
  read_ = {.seen = std::string(rows.Get(0, kFewSnapshot))};
  page->after = read_;
  page->caught_up = true;
  return page;
}

std::string SnapshotSource::FewSql() const {
  const std::string most = std::to_string(std::min(kFewRows, options_.batch_rows) + 1);
  return PageSql("(SELECT * FROM " + text_ + " WHERE txid >= $2::xid8 ORDER BY txid LIMIT " + most +
                     ") UNION ALL (SELECT * FROM " + text_ +
                     " WHERE txid = ANY ($3::xid8[]) ORDER BY txid LIMIT " + most + ")",
                 ", r_count, (SELECT pg_current_snapshot()::text)");
}

// Whether anything has committed since the last pass; if so, a new one begins.
Result<bool> SnapshotSource::Probe() {
  const std::string most = std::to_string(options_.batch_rows + 1);
  const std::string sql =
      "SELECT count(*), min(id), pg_current_snapshot()::text FROM ("
      "(SELECT id FROM " +
      text_ + " WHERE txid >= $1::xid8 ORDER BY txid LIMIT " + most +
      ") UNION ALL (SELECT id FROM " + text_ +
      " WHERE txid = ANY ($2::xid8[]) ORDER BY txid LIMIT " + most + ")) r";
  POSTROAD_ASSIGN(const Rows rows, connection_->Run(sql, {XmaxOf(read_.seen), XipOf(read_.seen)}));
  const int64_t count = rows.Number(0, 0);
  if (count == 0) return false;
  in_pass_ = count <= static_cast<int64_t>(options_.batch_rows) ? count : 0;
  int64_t first = rows.Number(0, 1);
  const std::string snapshot(rows.Get(0, 2));
  if (in_pass_ == 0) {
    const std::string all = "SELECT min(id) FROM (SELECT id FROM " + text_ +
                            " WHERE txid >= $1::xid8 UNION ALL SELECT id FROM " + text_ +
                            " WHERE txid = ANY ($2::xid8[])) r";
    POSTROAD_ASSIGN(const Rows least,
                    connection_->Run(all, {XmaxOf(read_.seen), XipOf(read_.seen)}));
    first = least.Number(0, 0);
  }
  read_.next = snapshot;
  read_.next_id = first - 1;
  return true;
}

// Rows in full, up to the bytes of a batch ($1), but at least one. `more` is selected besides.
std::string SnapshotSource::PageSql(const std::string& rows, const std::string& more) const {
  return "SELECT r_id, r_event, r_topic, r_key, r_type, r_content, r_headers, r_payload, "
         "r_deliver, "
         "r_keys, r_time" +
         more + " FROM (SELECT " + table_->selected() +
         ", id AS r_order, r_size, sum(r_size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS "
         "r_bytes" +
         (more.empty() ? "" : ", count(*) OVER () AS r_count") +
         " FROM (SELECT r.*, octet_length(payload) + coalesce(octet_length(headers::text), 0) + "
         "coalesce(octet_length(key), 0) + coalesce(octet_length(search_keys::text), 0) AS r_size "
         "FROM (" +
         rows + ") r) t) p WHERE r_bytes - r_size < $1::bigint ORDER BY r_order";
}

// The pass's rows are few: found by transaction.
Result<Rows> SnapshotSource::ReadSmall() {
  const std::string rows = "SELECT * FROM " + text_ +
                           " WHERE txid >= $2::xid8 AND pg_visible_in_snapshot(txid, $4) UNION ALL "
                           "SELECT * FROM " +
                           text_ +
                           " WHERE txid = ANY ($3::xid8[]) AND pg_visible_in_snapshot(txid, $4)";
  return connection_->Run(
      PageSql(rows),
      {std::to_string(options_.batch_bytes), XmaxOf(read_.seen), XipOf(read_.seen), read_.next},
      true);
}

// They are many: found along the ids, which are mostly theirs.
Result<Rows> SnapshotSource::ReadBacklog() {
  const std::string rows = "SELECT * FROM " + text_ +
                           " WHERE id > $2::bigint AND pg_visible_in_snapshot(txid, $3) AND NOT "
                           "pg_visible_in_snapshot(txid, $4) ORDER BY id LIMIT " +
                           std::to_string(options_.batch_rows);
  return connection_->Run(
      PageSql(rows),
      {std::to_string(options_.batch_bytes), std::to_string(read_.next_id), read_.next, read_.seen},
      true);
}

Status SnapshotSource::Settle(const PagePtr& page, std::span<const EventResult> results) {
  const auto& own = static_cast<const SnapshotPage&>(*page);
  if (own.retried) retries_sent_ = false;
  if (own.retried) return connection_->RunScript(poison_.SettleSql(own, results));
  POSTROAD_TRY(SaveProgress(own.after, poison_.SettleSql(own, results)));
  settled_ = own.after;
  return {};
}

Status SnapshotSource::SaveProgress(const Position& position, const std::string& more) {
  if (!more.empty()) {
    const std::string next = position.next ? Connection::Literal(*position.next) : "NULL";
    return connection_->RunScript(
        more + "UPDATE " + progress_ + " SET seen = " + Connection::Literal(position.seen) +
        ", next = " + next + ", next_id = " + std::to_string(position.next_id) +
        ", updated_at = now() WHERE reader = " + Connection::Literal(options_.name));
  }
  POSTROAD_ASSIGN(
      const Rows saved,
      connection_->Run(
          "UPDATE " + progress_ +
              " SET seen = $1, next = $2, next_id = $3, updated_at = now() WHERE "
              "reader = $4",
          {position.seen, position.next, std::to_string(position.next_id), options_.name}));
  if (saved.affected() == 1) return {};
  return Fail(ErrorCode::kAborted, "the relay's row in " + ProgressTable(options_.table) +
                                       " is gone; everything that is kept is sent again");
}

Result<bool> SnapshotSource::Wait(Duration at_most) {
  return wakefulness_.Wait(*connection_, at_most);
}

Result<std::vector<PoisonRow>> SnapshotSource::ListPoison(size_t limit) {
  return poison_.List(*connection_, limit);
}
Result<uint64_t> SnapshotSource::RetryPoison(const std::optional<std::string>& id) {
  return poison_.Retry(*connection_, id);
}
Result<uint64_t> SnapshotSource::DropPoison(const std::optional<std::string>& id) {
  return poison_.Drop(*connection_, id);
}

}  // namespace postroad::outbox::postgres
