// See flag_source.h.
#include "outbox/flag_source.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/utf8.h"

namespace postroad::outbox {
namespace {

constexpr size_t kCleanRows = 5000;
// A page of less is taken for all that there was.
constexpr uint64_t kFewRows = 200;

std::string Value(const SqlSession::Row& row, size_t column) { return row[column].value_or(""); }
uint64_t Number(const SqlSession::Row& row, size_t column) {
  return std::strtoull(Value(row, column).c_str(), nullptr, 10);
}

}  // namespace

std::string PoisonTableOf(const std::string& table) { return table + "_poison"; }

FlagSource::FlagSource(SourceOptions options, std::unique_ptr<SqlSession> session)
    : options_(std::move(options)), session_(std::move(session)) {}

Result<bool> FlagSource::Lead() {
  in_flight_ = false;
  held_.clear();
  return session_->Lead();
}

std::string FlagSource::IdText() const {
  return "CAST(t." + Column(options_.columns.id) + " AS " + session_->dialect().text_type + ")";
}

std::string FlagSource::InList(const Ids& ids) const {
  std::string list = "(";
  for (const std::string& id : ids) list += (list.size() > 1 ? "," : "") + session_->Literal(id);
  return list + ")";
}

std::string FlagSource::OwnReader() const { return "reader = " + session_->Literal(options_.name); }

std::string FlagSource::Waiting() const {
  const Columns& c = options_.columns;
  std::string where = "NOT EXISTS (SELECT 1 FROM " + Column(PoisonTableOf(options_.table)) +
                      " p WHERE p." + OwnReader() + " AND p.id = " + IdText() + " AND NOT p.retry)";
  if (!c.delivered.empty()) {
    // Of rows that nobody has marked, NULL is as good as false. The indexes say it in these words.
    const std::string mark = "t." + Column(c.delivered);
    where = "(" + mark + " = false OR " + mark + " IS NULL) AND " + where;
  }
  if (!held_.empty()) {
    where += " AND t." + Column(c.id) + " NOT IN " + InList({held_.begin(), held_.end()});
  }
  return where;
}

// A condition on the rows of `t`: that their topic is read.
std::string FlagSource::Chosen() const {
  if (!options_.topics) return "";
  const Ids topics = options_.topics->Get();
  if (topics.empty()) return " AND 1 = 0";
  return " AND t." + Column(options_.columns.topic) + " IN " + InList(topics);
}

// Bytes of what may be large about a row.
std::string FlagSource::RowSize() const {
  const Columns& c = options_.columns;
  const Dialect& dialect = session_->dialect();
  std::string sum = "0";
  if (!c.payload.empty()) sum += " + COALESCE(" + dialect.size(Column(c.payload)) + ", 0)";
  for (const std::string& name : {c.headers, c.key, c.search_keys}) {
    if (name.empty()) continue;
    const std::string text = "CAST(" + Column(name) + " AS " + dialect.text_type + ")";
    sum += " + COALESCE(" + dialect.size(text) + ", 0)";
  }
  return "(" + sum + ")";
}

// The first rows that wait, up to the bytes of a batch, but at least one.
std::string FlagSource::PageSql() const {
  std::string names, inner_order, outer_order;
  for (const SqlSession::Order& order : session_->RowOrder()) {
    const std::string name = "r_by" + std::to_string(names.size());
    const char* direction = order.descending ? " DESC" : "";
    names += ", " + order.expression + " AS " + name;
    inner_order += (inner_order.empty() ? "" : ", ") + order.expression + direction;
    outer_order += (outer_order.empty() ? "" : ", ") + name + direction;
  }
  const std::string size = RowSize();
  return "SELECT * FROM (SELECT " + session_->Selected() + ", " + size +
         " AS r_size, ROW_NUMBER() OVER (ORDER BY " + outer_order + ") AS r_number, SUM(" + size +
         ") OVER (ORDER BY " + outer_order +
         " ROWS UNBOUNDED PRECEDING) AS r_bytes FROM (SELECT t.*" + names + " FROM " +
         Column(options_.table) + " t WHERE " + Waiting() + Chosen() + " ORDER BY " + inner_order +
         " LIMIT " + std::to_string(options_.batch_rows) + ") t) p WHERE r_bytes - r_size < " +
         std::to_string(options_.batch_bytes) + " ORDER BY r_number";
}

// Nothing while a page is on its way: what it holds would be read again.
Result<PagePtr> FlagSource::Read() {
  if (in_flight_) return PagePtr();
  if (!held_.empty()) POSTROAD_TRY(MarkHeld());
  auto page = std::make_shared<TablePage>();
  POSTROAD_TRY(session_->ReadPage(PageSql(), *page));
  if (!page->last) return PagePtr();
  in_flight_ = true;
  const size_t rows = page->batch->events.size() + page->bad.size();
  page->caught_up = rows < std::min(kFewRows, options_.batch_rows);
  return page;
}

Status FlagSource::Settle(const PagePtr& page, std::span<const EventResult> results) {
  in_flight_ = false;
  const auto& own = static_cast<const TablePage&>(*page);
  Ids sent;
  for (size_t i = 0; i < results.size(); ++i) {
    const Outcome outcome = results[i].outcome;
    if (outcome != Outcome::kPoison && outcome != Outcome::kLeft) sent.emplace_back(own.ids[i]);
  }
  POSTROAD_TRY(SetAside(own, results));
  if (sent.empty()) return {};
  POSTROAD_ASSIGN(const Ids marked, Mark(sent));
  held_.insert(sent.begin(), sent.end());
  for (const std::string& id : marked) held_.erase(id);
  // Rows that had been set aside and went well now.
  POSTROAD_ASSIGN(const auto retried,
                  session_->Query("SELECT id FROM " + Column(PoisonTableOf(options_.table)) +
                                  " WHERE " + OwnReader() + " AND retry"));
  std::ranges::sort(sent);
  for (const auto& row : retried) {
    if (!std::ranges::binary_search(sent, Value(row, 0))) continue;
    POSTROAD_TRY(Forget({Value(row, 0)}));
  }
  return {};
}

Status FlagSource::MarkHeld() {
  POSTROAD_ASSIGN(const Ids marked, Mark({held_.begin(), held_.end()}));
  for (const std::string& id : marked) held_.erase(id);
  return {};
}

// Marks or deletes those of the rows that nobody has locked; which.
Result<FlagSource::Ids> FlagSource::Mark(const Ids& ids) {
  const Columns& c = options_.columns;
  const std::string table = Column(options_.table);
  POSTROAD_TRY(session_->Change(session_->dialect().begin));
  POSTROAD_ASSIGN(Ids free, LockFree(ids));
  if (!free.empty()) {
    const std::string rows = " WHERE " + Column(c.id) + " IN " + InList(free);
    std::string change = "DELETE FROM " + table + rows;
    if (!c.delivered.empty()) {
      const std::string at = c.delivered_at.empty()
                                 ? ""
                                 : ", " + Column(c.delivered_at) + " = " + session_->dialect().now;
      change = "UPDATE " + table + " SET " + Column(c.delivered) + " = true" + at + rows;
    }
    POSTROAD_TRY(session_->Change(change));
  }
  POSTROAD_TRY(session_->Change("COMMIT"));
  return free;
}

Result<FlagSource::Ids> FlagSource::LockFree(const Ids& ids) {
  if (session_->dialect().skip_locked.empty()) return ids;
  POSTROAD_ASSIGN(const auto rows,
                  session_->Query("SELECT " + IdText() + " FROM " + Column(options_.table) +
                                  " t WHERE t." + Column(options_.columns.id) + " IN " +
                                  InList(ids) + session_->dialect().skip_locked));
  Ids free;
  for (const auto& row : rows) free.push_back(Value(row, 0));
  return free;
}

Status FlagSource::SetAside(const TablePage& page, std::span<const EventResult> results) {
  for (const TablePage::Unreadable& bad : page.bad) {
    POSTROAD_TRY(SetAside(bad.id, bad.event_id, bad.topic, bad.reason));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].outcome != Outcome::kPoison) continue;
    const EventView& event = page.batch->events[i];
    POSTROAD_TRY(SetAside(page.ids[i], event.id, event.topic, results[i].reason));
  }
  return {};
}

// Of text that may be what makes the row poison, what every database takes.
std::string FlagSource::Shown(std::string_view text, size_t bytes) const {
  std::string mended = MendUtf8(text);
  std::erase(mended, '\0');
  return session_->Literal(Utf8Prefix(mended, bytes));
}

Status FlagSource::SetAside(std::string_view id, std::string_view event_id, std::string_view topic,
                            std::string_view reason) {
  const std::string table = Column(PoisonTableOf(options_.table));
  const std::string why = Shown(reason, 1000);
  POSTROAD_ASSIGN(const uint64_t known, session_->Change("UPDATE " + table +
                                                         " SET tries = tries + 1, retry = false, "
                                                         "reason = " +
                                                         why + " WHERE " + OwnReader() +
                                                         " AND id = " + session_->Literal(id)));
  if (known > 0) return {};
  POSTROAD_TRY(
      session_->Change("INSERT INTO " + table + " (reader, id, event_id, topic, reason) VALUES (" +
                       session_->Literal(options_.name) + ", " + session_->Literal(id) + ", " +
                       Shown(event_id, 255) + ", " + Shown(topic, 255) + ", " + why + ")"));
  return {};
}

// By the time of marking, or else of writing; without either, marked rows are the user's to remove.
Result<Source::Cleaned> FlagSource::Clean() {
  const Columns& c = options_.columns;
  const std::string& by = c.delivered_at.empty() ? c.time : c.delivered_at;
  if (c.delivered.empty() || by.empty()) return Cleaned{};
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(options_.retention);
  POSTROAD_ASSIGN(
      const auto rows,
      session_->Query("SELECT " + IdText() + " FROM " + Column(options_.table) + " t WHERE t." +
                      Column(c.delivered) + " AND " + session_->dialect().age("t." + Column(by)) +
                      " >= " + std::to_string(micros.count()) + " LIMIT " +
                      std::to_string(kCleanRows) + session_->dialect().skip_locked));
  if (rows.empty()) return Cleaned{};
  Ids old;
  for (const auto& row : rows) old.push_back(Value(row, 0));
  POSTROAD_ASSIGN(const uint64_t gone,
                  session_->Change("DELETE FROM " + Column(options_.table) + " WHERE " +
                                   Column(c.id) + " IN " + InList(old)));
  return Cleaned{.rows = gone, .more = old.size() == kCleanRows};
}

Result<Lag> FlagSource::MeasureLag() {
  const std::string& time = options_.columns.time;
  const std::string age =
      time.empty() ? "0" : "COALESCE(MAX(" + session_->dialect().age("t." + Column(time)) + "), 0)";
  POSTROAD_ASSIGN(const auto rows,
                  session_->Query("SELECT COUNT(*), " + age + " FROM (SELECT t.* FROM " +
                                  Column(options_.table) + " t WHERE " + Waiting() + " LIMIT " +
                                  std::to_string(kMaxLagRows) + ") t"));
  POSTROAD_ASSIGN(const auto poison,
                  session_->Query("SELECT COUNT(*) FROM " + Column(PoisonTableOf(options_.table)) +
                                  " WHERE " + OwnReader()));
  const auto micros = std::strtoll(Value(rows[0], 1).c_str(), nullptr, 10);
  return Lag{.rows = Number(rows[0], 0),
             .age = std::max<Duration>(std::chrono::microseconds(micros), Duration{}),
             .poison = Number(poison[0], 0)};
}

Result<std::vector<PoisonRow>> FlagSource::ListPoison(size_t limit) {
  POSTROAD_ASSIGN(
      const auto rows,
      session_->Query("SELECT id, event_id, topic, reason, " + session_->dialect().age("since") +
                      ", tries, CASE WHEN retry THEN 1 ELSE 0 END FROM " +
                      Column(PoisonTableOf(options_.table)) + " WHERE " + OwnReader() +
                      " ORDER BY since, id LIMIT " + std::to_string(limit)));
  const Timestamp now = std::chrono::system_clock::now();
  std::vector<PoisonRow> list;
  for (const auto& row : rows) {
    list.push_back({.id = Value(row, 0),
                    .event_id = Value(row, 1),
                    .topic = Value(row, 2),
                    .reason = Value(row, 3),
                    .since = now - std::chrono::microseconds(Number(row, 4)),
                    .tries = Number(row, 5),
                    .retry = Number(row, 6) == 1});
  }
  return list;
}

std::string FlagSource::RowFilter(const std::optional<std::string>& id) const {
  return " WHERE " + OwnReader() + (id ? " AND id = " + session_->Literal(*id) : "");
}

Result<uint64_t> FlagSource::RetryPoison(const std::optional<std::string>& id) {
  return session_->Change("UPDATE " + Column(PoisonTableOf(options_.table)) + " SET retry = true" +
                          RowFilter(id));
}

// The rows are marked, or they would wait again.
Result<uint64_t> FlagSource::DropPoison(const std::optional<std::string>& id) {
  POSTROAD_ASSIGN(
      const auto rows,
      session_->Query("SELECT id FROM " + Column(PoisonTableOf(options_.table)) + RowFilter(id)));
  Ids ids;
  for (const auto& row : rows) ids.push_back(Value(row, 0));
  if (ids.empty()) return 0;
  POSTROAD_TRY(Mark(ids));
  POSTROAD_TRY(Forget(ids));
  return ids.size();
}

// Of a table whose rows are marked nothing is kept of a relay but what it has set aside.
Result<std::vector<Reader>> FlagSource::ListReaders() {
  POSTROAD_ASSIGN(const auto rows, session_->Query("SELECT reader, COUNT(*) FROM " +
                                                   Column(PoisonTableOf(options_.table)) +
                                                   " GROUP BY reader ORDER BY reader"));
  std::vector<Reader> readers;
  for (const auto& row : rows) {
    const std::string name = Value(row, 0);
    POSTROAD_ASSIGN(const bool leads, session_->IsLed(name));
    readers.push_back({.name = name, .leads = leads, .poison = Number(row, 1)});
  }
  return readers;
}

Status FlagSource::ForgetReader(const std::string& name) {
  POSTROAD_ASSIGN(const bool leads, session_->IsLed(name));
  if (leads) return Fail(ReaderLeads(name));
  POSTROAD_ASSIGN(const uint64_t rows,
                  session_->Change("DELETE FROM " + Column(PoisonTableOf(options_.table)) +
                                   " WHERE reader = " + session_->Literal(name)));
  if (rows == 0) return Fail(NoReader(name));
  return {};
}

Status FlagSource::Forget(const Ids& ids) {
  POSTROAD_TRY(session_->Change("DELETE FROM " + Column(PoisonTableOf(options_.table)) + " WHERE " +
                                OwnReader() + " AND id IN " + InList(ids)));
  return {};
}

}  // namespace postroad::outbox
