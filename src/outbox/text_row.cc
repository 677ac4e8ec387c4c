// See text_row.h.
#include "outbox/text_row.h"

#include <algorithm>
#include <charconv>

namespace postroad::outbox {
namespace {

// Nothing, with an error noted, if the text is no time that nanoseconds can hold.
std::optional<Timestamp> TimeIn(std::optional<std::string_view> text, TableRow& row) {
  if (!text) return std::nullopt;
  constexpr int64_t kMost = 9'000'000'000'000'000;
  int64_t micros = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), micros);
  if (read.ec != std::errc{} || micros > kMost || micros < -kMost) {
    row.error = "it has a time that is none";
    return std::nullopt;
  }
  return Timestamp(std::chrono::microseconds(micros));
}

}  // namespace

std::string TextSelection(const Columns& c, const TextForms& forms) {
  const auto text = [&](const std::string& name) {
    return name.empty() ? "NULL" : forms.text(forms.quote(name));
  };
  const auto bytes = [&](const std::string& name) {
    return name.empty() ? "NULL" : forms.quote(name);
  };
  const auto micros = [&](const std::string& name) {
    return name.empty() ? "NULL" : forms.micros(forms.quote(name));
  };
  return text(c.id) + " AS r_id, " + text(c.event_id) + " AS r_event, " + text(c.topic) +
         " AS r_topic, " + text(c.key) + " AS r_key, " + text(c.type) + " AS r_type, " +
         text(c.content_type) + " AS r_content, " + text(c.headers) + " AS r_headers, " +
         bytes(c.payload) + " AS r_payload, " + micros(c.deliver_at) + " AS r_deliver, " +
         text(c.search_keys) + " AS r_keys, " + micros(c.time) + " AS r_time";
}

TableRow RowOfTexts(const std::function<std::optional<std::string_view>(size_t)>& column) {
  const auto text = [&](size_t i) { return column(i).value_or(std::string_view()); };
  TableRow row{.id = text(0),
               .event_id = text(1),
               .topic = text(2),
               .key = text(3),
               .type = text(4),
               .content_type = text(5),
               .headers = text(6),
               .payload = text(7),
               .search_keys_json = text(9)};
  row.deliver_at = TimeIn(column(8), row);
  row.time = TimeIn(column(10), row);
  return row;
}

Status CheckColumns(const SourceOptions& options, const std::vector<std::string>& there) {
  const Columns& c = options.columns;
  std::string missing;
  for (const std::string& name :
       {c.id, c.order, c.event_id, c.topic, c.key, c.type, c.content_type, c.headers, c.payload,
        c.deliver_at, c.search_keys, c.time, c.delivered, c.delivered_at}) {
    if (name.empty() || std::ranges::find(there, name) != there.end()) continue;
    missing += (missing.empty() ? "" : ", ") + name;
  }
  if (missing.empty()) return {};
  return Fail(ErrorCode::kFailedPrecondition,
              "the table " + options.table + " has no column " + missing +
                  (options.layout == Layout::kPostroad
                       ? ": it was not made by `postroad outbox install`, or by an older one"
                       : ", which the source's columns name"),
              {}, "NO_COLUMN");
}

}  // namespace postroad::outbox
