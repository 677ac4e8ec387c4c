// Text for people: sizes, counts, ages, what a terminal can show, and aligned tables.
#ifndef POSTROAD_CLI_TEXT_H_
#define POSTROAD_CLI_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace postroad::cli {

std::string HumanBytes(uint64_t bytes);                      // "999 B", "1.5 KiB", "12 MiB"
std::string HumanCount(uint64_t count);                      // "1,234,567"
std::string Counted(uint64_t count, std::string_view noun);  // "1 event", "1,234 events"
// The largest unit alone: "3d", "17s", "now"; "in 5m" for times to come.
std::string HumanAge(Timestamp then, Timestamp now);
// "never" for a limit that is 0.
std::string HumanDuration(Duration d);

// UTF-8 text with control characters written as escapes ("\n", "\x1b"), so that no event can play
// with the terminal. Bytes that are not UTF-8 are shown as "(17 bytes of binary)".
std::string Printable(std::string_view bytes);
// The same, cut to `width` characters with an ellipsis.
std::string Shortened(std::string_view bytes, size_t width);

// Columns as wide as their widest cell. Numbers go right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string Render() const;
  std::string RenderMarkdown() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_TEXT_H_
