// See options.h.
#include "outbox/options.h"

#include <utility>

namespace postroad::outbox {
namespace {

Columns PostroadColumns() {
  return {.id = "id",
          .event_id = "event_id",
          .topic = "topic",
          .key = "key",
          .type = "type",
          .content_type = "content_type",
          .headers = "headers",
          .payload = "payload",
          .deliver_at = "deliver_at",
          .search_keys = "search_keys",
          .time = "time"};
}

Columns RecordedEventsColumns() {
  return {.id = "id",
          .event_id = "uuid",
          .topic = "topic",
          .type = "msg_type",
          .content_type = "mime_type",
          .payload = "payload",
          .time = "stored_timestamp",
          .delivered = "delivered",
          .delivered_at = "send_timestamp"};
}

Columns DebeziumColumns() {
  return {.id = "id",
          .event_id = "id",
          .topic = "aggregatetype",
          .key = "aggregateid",
          .type = "type",
          .payload = "payload"};
}

void Fill(std::string& column, const std::string& given) {
  if (column.empty()) column = given;
}

void FillAll(Columns& columns, const Columns& given) {
  Fill(columns.id, given.id);
  Fill(columns.order, given.order);
  Fill(columns.event_id, given.event_id);
  Fill(columns.topic, given.topic);
  Fill(columns.key, given.key);
  Fill(columns.type, given.type);
  Fill(columns.content_type, given.content_type);
  Fill(columns.headers, given.headers);
  Fill(columns.payload, given.payload);
  Fill(columns.deliver_at, given.deliver_at);
  Fill(columns.search_keys, given.search_keys);
  Fill(columns.time, given.time);
  Fill(columns.delivered, given.delivered);
  Fill(columns.delivered_at, given.delivered_at);
}

}  // namespace

Result<Database> DatabaseOf(const std::string& url) {
  if (url.starts_with("postgres://") || url.starts_with("postgresql://")) {
    return Database::kPostgres;
  }
  if (url.starts_with("mariadb://") || url.starts_with("mysql://")) return Database::kMariaDb;
  if (url.starts_with("sqlite:")) return Database::kSqlite;
  return Invalid("url", "must begin with postgres://, mariadb://, mysql:// or sqlite:");
}

Result<SourceOptions> Complete(SourceOptions options) {
  POSTROAD_TRY(DatabaseOf(options.url));
  switch (options.layout) {
    case Layout::kPostroad:
      Fill(options.table, "postroad_outbox");
      options.columns = PostroadColumns();
      // In PostgreSQL no row need be marked.
      if (options.marked || DatabaseOf(options.url) != Database::kPostgres) {
        options.columns.delivered = "delivered";
        options.columns.delivered_at = "delivered_at";
      }
      break;
    case Layout::kRecordedEvents:
      Fill(options.table, "recorded_events");
      FillAll(options.columns, RecordedEventsColumns());
      break;
    case Layout::kDebezium:
      Fill(options.table, "outboxevent");
      FillAll(options.columns, DebeziumColumns());
      break;
    case Layout::kColumns:
      if (options.table.empty()) return Invalid("table", "must be set, for layout \"columns\"");
      break;
  }
  if (options.columns.id.empty()) return Invalid("columns.id", "must be set");
  if (options.columns.topic.empty()) return Invalid("columns.topic", "must be set");
  Fill(options.columns.event_id, options.columns.id);
  return options;
}

}  // namespace postroad::outbox
