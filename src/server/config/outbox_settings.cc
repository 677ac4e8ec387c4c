// The declarations of an outbox source's settings.
#include "server/config/config.h"

namespace postroad::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void DeclareColumns(Settings& settings, outbox::Columns& columns) {
  settings.Text("columns.id", "The row's key, by which it is marked.", columns.id);
  settings.Text("columns.order",
                "What rows are read in the order of; without, the id if it is a number, else the "
                "order of transactions.",
                columns.order);
  settings.Text("columns.event_id", "The event's id; without, the row's.", columns.event_id);
  settings.Text("columns.topic", "The event's topic.", columns.topic);
  settings.Text("columns.key", "The event's key.", columns.key);
  settings.Text("columns.type", "The event's type.", columns.type);
  settings.Text("columns.content_type", "The payload's content type.", columns.content_type);
  settings.Text("columns.headers", "Headers, as a JSON object of strings.", columns.headers);
  settings.Text("columns.payload", "The payload: bytes, text or JSON.", columns.payload);
  settings.Text("columns.deliver_at", "Not before this time.", columns.deliver_at);
  settings.Text("columns.search_keys", "Search keys: an array of text, or a JSON array.",
                columns.search_keys);
  settings.Text("columns.time", "When the event happened, or was written.", columns.time);
  settings.Text("columns.delivered",
                "A truth value that is set once the event is sent; without, rows are deleted then.",
                columns.delivered);
  settings.Text("columns.delivered_at", "A time that is set besides.", columns.delivered_at);
}

}  // namespace

Settings DeclareOutboxSource(outbox::SourceOptions& source) {
  using outbox::Layout;
  Settings settings;
  settings.Text("name",
                "The source's name, in metrics and logs; relays of one name share the work, one at "
                "a time.",
                source.name);
  settings.Secret("url",
                  "The database: `postgres://user@host/database`, `mariadb://user:password@host/"
                  "database` or `sqlite:/path`. What libpq takes may stand in the query "
                  "(`?passfile=…&sslmode=verify-full`).",
                  source.url);
  settings.Choice<Layout>(
      "layout",
      "Whose table it is: `postroad` (made by `postroad outbox install`), `recorded_events` (of "
      "outbox-event-bus), `debezium` (of its outbox event router), or `columns`, all named.",
      source.layout,
      {{"postroad", Layout::kPostroad},
       {"recorded_events", Layout::kRecordedEvents},
       {"debezium", Layout::kDebezium},
       {"columns", Layout::kColumns}});
  settings.Text("table",
                "The table, also `schema.table`; without, the layout's: `postroad_outbox`, "
                "`recorded_events`, `outboxevent`.",
                source.table);
  settings.Text("topic_prefix", "Put before the topic of every row.", source.topic_prefix);
  settings.Time("retention", "How long rows that were sent are kept; 0: removed at once.",
                source.retention);
  settings.Count("batch_rows", "Rows read and sent together.", source.batch_rows, {1, 10'000});
  settings.Bytes(
      "batch_bytes",
      "Bytes of payloads, headers and keys read and sent together; a larger event goes alone.",
      source.batch_bytes, {1, 64 << 20});
  settings.Time("poll_interval", "How often a quiet table is looked at, beside notifications.",
                source.poll_interval, {milliseconds(1), seconds(60)});
  settings.Time("busy_poll_interval", "The same, within a second of the last event.",
                source.busy_poll_interval, {milliseconds(1), seconds(60)});
  DeclareColumns(settings, source.columns);
  return settings;
}

}  // namespace postroad::server
