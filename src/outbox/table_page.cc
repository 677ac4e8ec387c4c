// See table_page.h.
#include "outbox/table_page.h"

#include <boost/json.hpp>
#include <utility>

namespace postroad::outbox {

namespace json = boost::json;

PageBuilder::PageBuilder(TablePage& page, std::shared_ptr<const void> storage, std::string prefix)
    : page_(page), prefix_(std::move(prefix)) {
  storage_->rows = std::move(storage);
}

std::string_view PageBuilder::Keep(std::string text) {
  return storage_->texts.emplace_back(std::move(text));
}

void PageBuilder::Add(TableRow& row) {
  page_.last = row.id;
  if (row.time && (page_.oldest == Timestamp{} || *row.time < page_.oldest)) {
    page_.oldest = *row.time;
  }
  EventView event{.id = row.event_id,
                  .topic = row.topic,
                  .key = row.key,
                  .type = row.type,
                  .content_type = row.content_type,
                  .payload = row.payload,
                  .time = row.time,
                  .deliver_at = row.deliver_at};
  event.search_keys = std::move(row.search_keys);
  if (!prefix_.empty()) event.topic = Keep(prefix_ + std::string(row.topic));
  Status good;
  if (!row.error.empty()) good = Invalid({}, row.error);
  if (good && event.id.empty()) good = Invalid({}, "it has no event id");
  if (good && !row.headers.empty()) good = ReadHeaders(row.headers, event);
  if (good && !row.search_keys_json.empty()) good = ReadSearchKeys(row.search_keys_json, event);
  if (!good) {
    page_.bad.push_back({row.id, event.id, event.topic, good.error().message});
    return;
  }
  page_.ids.push_back(row.id);
  batch_->events.push_back(std::move(event));
}

Status PageBuilder::ReadHeaders(std::string_view text, EventView& event) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || (!value.is_object() && !value.is_null())) {
    return Invalid({}, "headers: must be a JSON object of strings");
  }
  if (value.is_null()) return {};
  for (const auto& [name, header] : value.get_object()) {
    const std::string_view kept = Keep(std::string(name));
    if (header.is_string()) {
      event.headers.emplace_back(kept, Keep(std::string(header.get_string())));
    } else if (header.is_object() || header.is_array() || header.is_null()) {
      return Invalid({}, "headers: the value of \"" + std::string(name) + "\" must be text");
    } else {
      event.headers.emplace_back(kept, Keep(json::serialize(header)));
    }
  }
  return {};
}

Status PageBuilder::ReadSearchKeys(std::string_view text, EventView& event) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (!error && value.is_null()) return {};
  if (error || !value.is_array()) return Invalid({}, "search_keys: must be a JSON array of text");
  for (const json::value& key : value.get_array()) {
    if (!key.is_string()) return Invalid({}, "search_keys: must be a JSON array of text");
    event.search_keys.push_back(Keep(std::string(key.get_string())));
  }
  return {};
}

void PageBuilder::Finish() {
  batch_->storage = storage_;
  page_.batch = std::move(batch_);
  page_.unreadable = page_.bad.size();
}

}  // namespace postroad::outbox
