// A reader's filter: which events of its topics it wants to see.
#ifndef POSTROAD_CORE_FILTER_H_
#define POSTROAD_CORE_FILTER_H_

#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/event.h"

namespace postroad {

// All conditions must hold; within `types` and `keys` one match is enough; empty means any.
struct EventFilter {
  std::vector<std::string> types;              // exact, or a prefix that ends in '*'
  std::vector<std::string> keys;               // exact
  std::map<std::string, std::string> headers;  // name present with exactly this value

  bool Empty() const { return types.empty() && keys.empty() && headers.empty(); }
  bool Matches(const EventView& event) const;
  bool operator==(const EventFilter&) const = default;
};

// At most 100 entries in each list, each within the event's own limits, UTF-8.
Status CheckFilter(const EventFilter& filter, std::string_view field);

}  // namespace postroad

#endif  // POSTROAD_CORE_FILTER_H_
