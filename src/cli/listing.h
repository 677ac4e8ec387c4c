// Listings that come by pages, and how a command prints what it found.
#ifndef POSTROAD_CLI_LISTING_H_
#define POSTROAD_CLI_LISTING_H_

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "core/error.h"
#include "postroad/model.h"

namespace postroad::cli {

inline constexpr uint32_t kPageSize = 1000;

// Asks for page after page, up to `limit` items (0: all).
template <typename T>
Result<std::vector<T>> AllPages(
    uint64_t limit,
    const std::function<Result<Page<T>>(std::string_view page, uint32_t size)>& ask) {
  std::vector<T> items;
  std::string page;
  do {
    const uint64_t room =
        limit == 0 ? kPageSize : std::min<uint64_t>(kPageSize, limit - items.size());
    POSTROAD_ASSIGN(Page<T> got, ask(page, static_cast<uint32_t>(room)));
    for (T& item : got.items) items.push_back(std::move(item));
    page = std::move(got.next);
  } while (!page.empty() && (limit == 0 || items.size() < limit));
  return items;
}

// One array, an object for each item.
template <typename T>
void PrintJson(const std::vector<T>& items,
               const std::function<boost::json::object(const T&)>& object) {
  boost::json::array array;
  for (const T& item : items) array.push_back(object(item));
  Print(boost::json::serialize(array) + "\n");
}

inline void PrintJson(const boost::json::object& object) {
  Print(boost::json::serialize(object) + "\n");
}

// The table, or that there is nothing.
inline void PrintTable(const Table& table, std::string_view nothing) {
  Print(table.empty() ? std::string(nothing) + "\n" : table.Render());
}

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_LISTING_H_
