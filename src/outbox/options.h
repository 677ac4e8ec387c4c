// What a relay has to know of its source: where the table is, how it looks, how it is read.
#ifndef POSTROAD_OUTBOX_OPTIONS_H_
#define POSTROAD_OUTBOX_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "outbox/topic_choice.h"

namespace postroad::outbox {

// Whose table it is.
enum class Layout {
  kPostroad,        // made by `postroad outbox install`
  kRecordedEvents,  // `recorded_events` of outbox-event-bus, as it is
  kDebezium,        // that of Debezium's outbox event router
  kColumns,         // any other: every column is named
};

// Names of columns; empty: there is none. `id` and `topic` must be there, and `event_id` unless it
// is the id.
struct Columns {
  std::string id;     // the row's key, by which rows are marked
  std::string order;  // what rows are read in the order of; empty: the id, if it is a number
  std::string event_id;
  std::string topic;
  std::string key;
  std::string type;
  std::string content_type;
  std::string headers;  // a JSON object of strings
  std::string payload;
  std::string deliver_at;
  std::string search_keys;   // an array of text, or a JSON array
  std::string time;          // when the event happened
  std::string delivered;     // truth value; empty: delivered rows are deleted
  std::string delivered_at;  // set when a row is marked
};

struct SourceOptions {
  std::string name;  // of the source; two relays of the same name share its work
  std::string url;   // postgres://…, mariadb://…, sqlite:/path
  Layout layout = Layout::kPostroad;
  std::string table;         // empty: the layout's own
  Columns columns;           // those set replace the layout's
  std::string topic_prefix;  // put before every row's topic
  // How long delivered rows are kept; 0: removed at once.
  Duration retention = std::chrono::days(7);
  uint64_t batch_rows = 10'000;
  uint64_t batch_bytes = 4 << 20;  // of payloads, headers and keys; a larger event goes alone
  // How often a quiet table is looked at, beside notifications; and while events keep coming.
  Duration poll_interval = std::chrono::milliseconds(50);
  Duration busy_poll_interval = std::chrono::milliseconds(5);
  // Rows of Postroad's own table are marked, as in the other databases, also in PostgreSQL.
  bool marked = false;
  // Only rows of these topics are read; null: all. For tables whose rows are marked.
  std::shared_ptr<const TopicChoice> topics;
};

enum class Database { kPostgres, kMariaDb, kSqlite };
// By the URL's scheme; INVALID_ARGUMENT "must begin with …".
Result<Database> DatabaseOf(const std::string& url);

// The options with what the layout gives where nothing is set. INVALID_ARGUMENT names the setting
// that lacks.
Result<SourceOptions> Complete(SourceOptions options);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_OPTIONS_H_
