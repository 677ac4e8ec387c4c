// What settings must be together, each being right by itself.
#ifndef POSTROAD_SERVER_CONFIG_CONFIG_CHECK_H_
#define POSTROAD_SERVER_CONFIG_CONFIG_CHECK_H_

#include <string>
#include <vector>

#include "server/config/config.h"

namespace postroad::server {

struct ConfigProblem {
  std::string setting;
  std::string message;  // follows the setting's name
};

std::vector<ConfigProblem> CheckConfig(const Config& config);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_CONFIG_CHECK_H_
