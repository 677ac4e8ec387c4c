// Checks of options and arguments that the parts share.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_CHECK_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_CHECK_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/filter.h"
#include "core/names.h"

namespace postroad::client {

template <typename T>
Status CheckRange(std::string_view field, T value, T least, T most) {
  if (value >= least && value <= most) return {};
  return Invalid(std::string(field),
                 "must be from " + std::to_string(least) + " to " + std::to_string(most));
}

inline Status CheckTopics(const std::vector<std::string>& topics, std::string_view field) {
  auto selector = TopicSelector::Parse(topics, field);
  if (!selector) return std::unexpected(std::move(selector).error());
  return {};
}

inline Status CheckOptionalName(std::string_view name, std::string_view field) {
  return name.empty() ? Status{} : CheckName(name, field);
}

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_CHECK_H_
