// Reading the members of a JSON object, with errors that name them.
#ifndef POSTROAD_GATEWAY_VALUES_JSON_FIELDS_H_
#define POSTROAD_GATEWAY_VALUES_JSON_FIELDS_H_

#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace postroad::gateway {

// A body that is JSON. INVALID_ARGUMENT reason NOT_JSON.
Result<boost::json::value> ParseJson(std::string_view text);

// What is absent or null gives nothing. Errors are INVALID_ARGUMENT with the member's path. Views
// the value.
class JsonFields {
 public:
  // `field` is the object's own path; empty for a body. INVALID_ARGUMENT if it is no object, or has
  // a member that is none of `known`, naming the nearest that is.
  static Result<JsonFields> Of(const boost::json::value& value, std::string_view field,
                               std::initializer_list<std::string_view> known);

  std::string Path(std::string_view name) const;
  const boost::json::value* Find(std::string_view name) const;

  Result<std::optional<std::string>> Text(std::string_view name) const;
  Result<std::optional<uint64_t>> Number(std::string_view name, uint64_t most = UINT64_MAX) const;
  // A number, or its decimal text: for numbers that JavaScript cannot hold.
  Result<std::optional<uint64_t>> Id(std::string_view name) const;
  Result<std::optional<Duration>> Time(std::string_view name) const;  // "1m30s"
  Result<std::optional<Timestamp>> Date(std::string_view name, Timestamp now) const;
  Result<std::vector<std::string>> Texts(std::string_view name) const;
  // The elements of an array.
  Result<std::vector<const boost::json::value*>> List(std::string_view name) const;

 private:
  JsonFields(const boost::json::object& object, std::string_view field)
      : object_(&object), field_(field) {}

  const boost::json::object* object_;
  std::string field_;
};

// The id that `value` is, as JsonFields::Id reads it.
Result<uint64_t> ReadId(const boost::json::value& value, std::string path);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_VALUES_JSON_FIELDS_H_
