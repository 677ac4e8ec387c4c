// See table.h.
#include "outbox/postgres/table.h"

#include <cstring>
#include <utility>

#include "core/bytes.h"

namespace postroad::outbox::postgres {
namespace {

enum Column {
  kId,
  kEventId,
  kTopic,
  kKey,
  kType,
  kContentType,
  kHeaders,
  kPayload,
  kDeliverAt,
  kSearchKeys,
  kTime,
};

// PostgreSQL counts from 2000-01-01, in microseconds.
constexpr int64_t kEpochSeconds = 946'684'800;
// Beyond it lies what nanoseconds cannot hold, "infinity" among it.
constexpr int64_t kMostMicros = 8'000'000'000'000'000;

std::optional<Timestamp> TimeIn(std::string_view bytes, std::string& error) {
  const auto micros = static_cast<int64_t>(GetBig64(bytes.data()));
  if (micros > kMostMicros || micros < -kMostMicros) {
    error = "it has a time that is none";
    return std::nullopt;
  }
  return Timestamp(std::chrono::seconds(kEpochSeconds) + std::chrono::microseconds(micros));
}

// An array of text in binary: dimensions, flags, type; each dimension's size and bound; elements.
void ReadArray(std::string_view bytes, TableRow& row) {
  const uint32_t dimensions = GetBig32(bytes.data());
  if (dimensions == 0) return;
  if (dimensions != 1) {
    row.error = "search_keys: must be an array of one dimension";
    return;
  }
  const uint32_t count = GetBig32(bytes.data() + 12);
  bytes.remove_prefix(20);
  for (uint32_t i = 0; i < count; ++i) {
    const auto size = static_cast<int32_t>(GetBig32(bytes.data()));
    bytes.remove_prefix(4);
    if (size < 0) continue;
    row.search_keys.push_back(bytes.substr(0, static_cast<size_t>(size)));
    bytes.remove_prefix(static_cast<size_t>(size));
  }
}

std::string Missing(const std::string& what, const SourceOptions& options) {
  return "the table " + options.table + " has no column " + what +
         (options.layout == Layout::kPostroad
              ? ": it was not made by `postroad outbox install`, or by an older one; run it again"
              : ", which the source's columns name");
}

}  // namespace

Result<Table> Table::Find(Connection& connection, const SourceOptions& options) {
  POSTROAD_ASSIGN(
      const Rows rows,
      connection.Run("SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a "
                     "WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT attisdropped",
                     {Connection::Quote(options.table)}));
  if (rows.size() == 0) {
    return Fail(ErrorCode::kFailedPrecondition,
                "there is no table " + options.table +
                    " (in this user's search_path); `postroad "
                    "outbox install` makes it",
                {}, "NO_TABLE");
  }
  std::map<std::string, std::string> types;
  for (int i = 0; i < rows.size(); ++i) types[std::string(rows.Get(i, 0))] = rows.Get(i, 1);
  std::string missing;
  const Columns& c = options.columns;
  for (const std::string& name :
       {c.id, c.order, c.event_id, c.topic, c.key, c.type, c.content_type, c.headers, c.payload,
        c.deliver_at, c.search_keys, c.time, c.delivered, c.delivered_at,
        std::string(options.layout == Layout::kPostroad ? "txid" : "")}) {
    if (!name.empty() && !types.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty()) {
    return Fail(ErrorCode::kFailedPrecondition, Missing(missing, options), {}, "NO_COLUMN");
  }
  Table table;
  table.quoted_ = Connection::Quote(options.table);
  table.prefix_ = options.topic_prefix;
  POSTROAD_TRY(table.AddColumns(options.columns, types));
  return table;
}

Status Table::AddColumns(const Columns& columns, const std::map<std::string, std::string>& types) {
  const auto type = [&](const std::string& name) { return types.at(name); };
  const auto text = [](const std::string& name) {
    return name.empty() ? std::string("NULL::text") : Connection::Quote(name) + "::text";
  };
  const auto time = [](const std::string& name) {
    return (name.empty() ? std::string("NULL") : Connection::Quote(name)) + "::timestamptz";
  };
  const std::string payload = columns.payload.empty() ? "''::bytea"
                              : type(columns.payload) == "bytea"
                                  ? Connection::Quote(columns.payload)
                                  : text(columns.payload);
  if (!columns.search_keys.empty() && type(columns.search_keys) != "text[]") {
    return Fail(
        ErrorCode::kFailedPrecondition,
        "the column " + columns.search_keys + " must be text[], not " + type(columns.search_keys));
  }
  const std::string keys =
      columns.search_keys.empty() ? "NULL::text[]" : Connection::Quote(columns.search_keys);
  payload_is_bytes_ = !columns.payload.empty() && type(columns.payload) == "bytea";
  const std::string id_type = type(columns.id);
  id_is_number_ = id_type == "bigint" || id_type == "integer" || id_type == "smallint";
  selected_ = text(columns.id) + " AS r_id, " + text(columns.event_id) + " AS r_event, " +
              text(columns.topic) + " AS r_topic, " + text(columns.key) + " AS r_key, " +
              text(columns.type) + " AS r_type, " + text(columns.content_type) + " AS r_content, " +
              text(columns.headers) + " AS r_headers, " + payload + " AS r_payload, " +
              time(columns.deliver_at) + " AS r_deliver, " + keys + " AS r_keys, " +
              time(columns.time) + " AS r_time";
  return {};
}

void Table::ReadRows(const Rows& rows, TablePage& page) const {
  PageBuilder builder(page, rows.storage(), prefix_);
  for (int i = 0; i < rows.size(); ++i) {
    TableRow row{.id = rows.Get(i, kId),
                 .event_id = rows.Get(i, kEventId),
                 .topic = rows.Get(i, kTopic),
                 .key = rows.Get(i, kKey),
                 .type = rows.Get(i, kType),
                 .content_type = rows.Get(i, kContentType),
                 .headers = rows.Get(i, kHeaders),
                 .payload = rows.Get(i, kPayload)};
    if (!rows.IsNull(i, kDeliverAt)) row.deliver_at = TimeIn(rows.Get(i, kDeliverAt), row.error);
    if (!rows.IsNull(i, kTime)) row.time = TimeIn(rows.Get(i, kTime), row.error);
    if (!rows.IsNull(i, kSearchKeys)) ReadArray(rows.Get(i, kSearchKeys), row);
    builder.Add(row);
  }
  builder.Finish();
}

Status Table::CheckRights(Connection& connection, const std::string& table,
                          const std::string& rights) {
  const std::string quoted = Connection::Quote(table);
  std::string missing;
  for (size_t begin = 0; begin < rights.size();) {
    const size_t end = std::min(rights.find(", ", begin), rights.size());
    const std::string right = rights.substr(begin, end - begin);
    begin = end + 2;
    POSTROAD_ASSIGN(const Rows has,
                    connection.Run("SELECT has_table_privilege(to_regclass($1), $2), current_user",
                                   {quoted, right}));
    if (has.IsNull(0, 0)) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "there is no table " + table + "; `postroad outbox install` makes it", {},
                  "NO_TABLE");
    }
    if (!has.Flag(0, 0)) missing += (missing.empty() ? "" : ", ") + right;
  }
  if (missing.empty()) return {};
  POSTROAD_ASSIGN(const Rows user, connection.Run("SELECT quote_ident(current_user)"));
  return Fail(ErrorCode::kFailedPrecondition,
              "the user lacks a right: GRANT " + missing + " ON " + table + " TO " +
                  std::string(user.Get(0, 0)) + ";",
              {}, "NO_RIGHT");
}

}  // namespace postroad::outbox::postgres
