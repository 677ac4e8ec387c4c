// The configuration file, flattened to entries that know where they stand.
#ifndef POSTROAD_SERVER_CONFIG_TOML_FILE_H_
#define POSTROAD_SERVER_CONFIG_TOML_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "server/config/setting_value.h"

namespace postroad::server {

inline constexpr size_t kMaxConfigFileBytes = 1 << 20;

struct Place {
  std::string file;
  uint32_t line = 0, column = 0;
  std::string ToString() const;  // "postroad.toml:7:1"
};

struct TomlEntry {
  std::string section;  // "store"; "" for a value outside of every section
  int index = -1;       // in a list of tables ([[topics]], [[kafka.out]]): which one
  std::string key;      // "directory"; of tables inside a section, with dots ("target[1].topics")
  RawValue value;
  Place place;
};

// In the order of the file. INVALID_ARGUMENT, message "<place>: <what is wrong>".
Result<std::vector<TomlEntry>> ParseToml(std::string_view text, std::string_view file);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_TOML_FILE_H_
