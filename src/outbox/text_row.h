// Rows of databases that give every column as text, times as microseconds since 1970.
#ifndef POSTROAD_OUTBOX_TEXT_ROW_H_
#define POSTROAD_OUTBOX_TEXT_ROW_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "outbox/options.h"
#include "outbox/table_page.h"

namespace postroad::outbox {

inline constexpr size_t kTextColumns = 11;

// How the columns are selected.
struct TextForms {
  std::function<std::string(const std::string&)> text;    // of a quoted column
  std::function<std::string(const std::string&)> micros;  // of a quoted column of times
  std::function<std::string(std::string_view)> quote;
};
// kTextColumns columns, in the order that RowOfTexts takes.
std::string TextSelection(const Columns& columns, const TextForms& forms);

// `column` gives the value of the i-th, or nothing for NULL.
TableRow RowOfTexts(const std::function<std::optional<std::string_view>(size_t)>& column);

// FAILED_PRECONDITION naming those of the columns, as `options` name them, that are not among
// `there`.
Status CheckColumns(const SourceOptions& options, const std::vector<std::string>& there);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_TEXT_ROW_H_
