// See json_fields.h.
#include "gateway/values/json_fields.h"

#include <boost/json/parse.hpp>
#include <charconv>

#include "core/event_rules.h"
#include "core/names.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

Result<std::string> ReadText(const json::value& value, std::string path) {
  const auto* text = value.if_string();
  if (text == nullptr) return Invalid(std::move(path), "must be a string");
  return std::string(text->data(), text->size());
}

Result<uint64_t> ReadNumber(const json::value& value, std::string path) {
  json::error_code error;
  const auto number = value.to_number<uint64_t>(error);
  if (error) return Invalid(std::move(path), "must be a whole number, 0 or more");
  return number;
}

}  // namespace

Result<json::value> ParseJson(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(View(text), error);
  if (!error) return value;
  return Fail(ErrorCode::kInvalidArgument, "the body is not JSON: " + error.message(), "",
              "NOT_JSON");
}

Result<uint64_t> ReadId(const json::value& value, std::string path) {
  const auto* text = value.if_string();
  if (text == nullptr) return ReadNumber(value, std::move(path));
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), id);
  if (text->empty() || error != std::errc() || end != text->data() + text->size()) {
    return Invalid(std::move(path), "must be a number, or its digits as a string");
  }
  return id;
}

Result<JsonFields> JsonFields::Of(const json::value& value, std::string_view field,
                                  std::initializer_list<std::string_view> known) {
  const auto* object = value.if_object();
  if (object == nullptr) return Invalid(std::string(field), "must be a JSON object");
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string near = NearestName(name, {known.begin(), known.end()});
    return Invalid(FieldPath(field, name),
                   "is not known here" + (near.empty() ? "" : ", did you mean '" + near + "'?"));
  }
  return JsonFields(*object, field);
}

std::string JsonFields::Path(std::string_view name) const { return FieldPath(field_, name); }

const json::value* JsonFields::Find(std::string_view name) const {
  const json::value* value = object_->if_contains(View(name));
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::optional<std::string>> JsonFields::Text(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::nullopt;
  POSTROAD_ASSIGN(std::string text, ReadText(*value, Path(name)));
  return text;
}

Result<std::optional<uint64_t>> JsonFields::Number(std::string_view name, uint64_t most) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::nullopt;
  POSTROAD_ASSIGN(const uint64_t number, ReadNumber(*value, Path(name)));
  if (number > most) return Invalid(Path(name), "must be at most " + std::to_string(most));
  return number;
}

Result<std::optional<uint64_t>> JsonFields::Id(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::nullopt;
  POSTROAD_ASSIGN(const uint64_t id, ReadId(*value, Path(name)));
  return id;
}

Result<std::optional<Duration>> JsonFields::Time(std::string_view name) const {
  POSTROAD_ASSIGN(const auto text, Text(name));
  if (!text) return std::nullopt;
  const auto duration = ParseDuration(*text);
  if (!duration) return Invalid(Path(name), duration.error().message);
  return *duration;
}

Result<std::optional<Timestamp>> JsonFields::Date(std::string_view name, Timestamp now) const {
  POSTROAD_ASSIGN(const auto text, Text(name));
  if (!text) return std::nullopt;
  const auto time = ParseTime(*text, now);
  if (!time) return Invalid(Path(name), time.error().message);
  return *time;
}

Result<std::vector<const json::value*>> JsonFields::List(std::string_view name) const {
  std::vector<const json::value*> items;
  const json::value* value = Find(name);
  if (value == nullptr) return items;
  const auto* array = value->if_array();
  if (array == nullptr) return Invalid(Path(name), "must be an array");
  for (const json::value& item : *array) items.push_back(&item);
  return items;
}

Result<std::vector<std::string>> JsonFields::Texts(std::string_view name) const {
  POSTROAD_ASSIGN(const auto items, List(name));
  std::vector<std::string> texts;
  for (const json::value* item : items) {
    const std::string index = "[" + std::to_string(texts.size()) + "]";
    POSTROAD_ASSIGN(std::string text, ReadText(*item, Path(name) + index));
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace postroad::gateway
