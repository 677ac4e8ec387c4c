// The settings as flags of a command, and the configuration they lead to.
#ifndef POSTROAD_SERVER_CONFIG_FLAGS_H_
#define POSTROAD_SERVER_CONFIG_FLAGS_H_

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "server/config/config.h"

namespace CLI {
class App;
}

namespace postroad::server {

// Must outlive the command it was added to.
class ConfigFlags {
 public:
  void AddTo(CLI::App& command);
  // Finds and reads the file, the environment and the flags as parsed. INVALID_ARGUMENT as
  // LoadConfig's.
  Result<LoadedConfig> Load() const;

 private:
  void AddSettings(CLI::App& command);
  void AddShortFlags(CLI::App& command);
  Status CheckExtras() const;

  CLI::App* command_ = nullptr;
  std::string file_;
  std::vector<std::pair<std::string, std::string>> flags_;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_FLAGS_H_
