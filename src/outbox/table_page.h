// From the rows of a table to the events of a page, the same for every database.
#ifndef POSTROAD_OUTBOX_TABLE_PAGE_H_
#define POSTROAD_OUTBOX_TABLE_PAGE_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outbox/source.h"

namespace postroad::outbox {

// A row as it was read; views live as long as the storage that the builder is given.
struct TableRow {
  std::string_view id;
  std::string_view event_id;
  std::string_view topic;
  std::string_view key;
  std::string_view type;
  std::string_view content_type;
  std::string_view headers;  // a JSON object of strings; empty: none
  std::string_view payload;
  std::optional<Timestamp> deliver_at;
  std::vector<std::string_view> search_keys;
  std::string_view search_keys_json;  // an array of strings, where they come as JSON
  std::optional<Timestamp> time;
  std::string error;  // what about it could not even be read
};

// A page that knows its rows.
class TablePage : public Page {
 public:
  struct Unreadable {
    std::string_view id, event_id, topic;
    std::string reason;
  };
  std::vector<std::string_view> ids;     // of the row of each event
  std::vector<Unreadable> bad;           // rows that make no event
  std::optional<std::string_view> last;  // the id of the last row read
  bool retried = false;                  // the rows had been set aside
};

class PageBuilder {
 public:
  // `storage` is what the rows' fields view; `prefix` goes before each topic.
  PageBuilder(TablePage& page, std::shared_ptr<const void> storage, std::string prefix);
  void Add(TableRow& row);
  // Once; completes the page.
  void Finish();

 private:
  struct Storage {
    std::shared_ptr<const void> rows;
    std::deque<std::string> texts;  // what had to be made
  };
  std::string_view Keep(std::string text);
  Status ReadHeaders(std::string_view json, EventView& event);
  Status ReadSearchKeys(std::string_view json, EventView& event);

  TablePage& page_;
  const std::string prefix_;
  std::shared_ptr<Storage> storage_ = std::make_shared<Storage>();
  std::shared_ptr<Batch> batch_ = std::make_shared<Batch>();
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_TABLE_PAGE_H_
