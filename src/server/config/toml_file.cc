// TOML by toml++.
#include "server/config/toml_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace postroad::server {
namespace {

std::string Written(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  std::string text = out.str();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

RawValue ReadNode(const toml::node& node) {
  if (const auto* text = node.as_string()) return {.text = text->get()};
  if (const auto* integer = node.as_integer()) {
    return {.type = RawValue::Type::kInteger, .text = std::to_string(integer->get())};
  }
  if (const auto* flag = node.as_boolean()) {
    return {.type = RawValue::Type::kBoolean, .text = flag->get() ? "true" : "false"};
  }
  RawValue value{.type = RawValue::Type::kOther, .text = Written(node)};
  const auto* array = node.as_array();
  if (array == nullptr) return value;
  for (const toml::node& element : *array) {
    if (!element.is_string()) return value;
    value.list.push_back(element.as_string()->get());
  }
  value.type = RawValue::Type::kList;
  return value;
}

class Flattener {
 public:
  explicit Flattener(std::string_view file) : file_(file) {}

  std::vector<TomlEntry> Flatten(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (const auto* table = node.as_table()) {
        AddTable(std::string(key.str()), -1, "", *table);
      } else if (IsListOfTables(node)) {
        AddList(std::string(key.str()), *node.as_array());
      } else {
        Add("", -1, key, std::string(key.str()), node);
      }
    }
    std::ranges::stable_sort(entries_, {}, [](const TomlEntry& entry) {
      return std::pair(entry.place.line, entry.place.column);
    });
    return std::move(entries_);
  }

 private:
  static bool IsListOfTables(const toml::node& node) {
    const auto* list = node.as_array();
    return list != nullptr && !list->empty() && list->is_homogeneous<toml::table>();
  }

  void AddList(const std::string& section, const toml::array& list) {
    int index = 0;
    for (const toml::node& element : list) AddTable(section, index++, "", *element.as_table());
  }

  void AddTable(const std::string& section, int index, const std::string& prefix,
                const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string path = prefix + std::string(key.str());
      if (const auto* inner = node.as_table()) {
        AddTable(section, index, path + ".", *inner);
      } else if (index < 0 && IsListOfTables(node)) {
        AddList(section + "." + path, *node.as_array());
      } else if (IsListOfTables(node)) {
        AddInnerList(section, index, path, *node.as_array());
      } else {
        Add(section, index, key, path, node);
      }
    }
  }

  // A list in one of a list's tables: its entries are keys as "target[0].topics".
  void AddInnerList(const std::string& section, int index, const std::string& path,
                    const toml::array& list) {
    int inner = 0;
    for (const toml::node& element : list) {
      AddTable(section, index, path + "[" + std::to_string(inner++) + "].", *element.as_table());
    }
  }

  void Add(const std::string& section, int index, const toml::key& key, std::string path,
           const toml::node& node) {
    const auto at = key.source().begin;
    entries_.push_back({.section = section,
                        .index = index,
                        .key = std::move(path),
                        .value = ReadNode(node),
                        .place = {file_, at.line, at.column}});
  }

  const std::string file_;
  std::vector<TomlEntry> entries_;
};

}  // namespace

std::string Place::ToString() const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

Result<std::vector<TomlEntry>> ParseToml(std::string_view text, std::string_view file) {
  if (text.size() > kMaxConfigFileBytes) {
    return Invalid({}, std::string(file) + ": is larger than 1 MiB, which no settings file is");
  }
  try {
    return Flattener(file).Flatten(toml::parse(text));
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    const Place place{std::string(file), at.line, at.column};
    return Invalid({}, place.ToString() + ": " + std::string(error.description()));
  }
}

}  // namespace postroad::server
