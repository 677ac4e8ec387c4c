// See config_flags.h.
#include "server/config_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/names.h"

namespace postroad::server {
namespace {

constexpr const char* kUsualFiles[] = {"postroad.toml", "/etc/postroad/postroad.toml"};

// The file given, or the first usual one that is there, or "".
std::string FindFile(const std::string& given) {
  if (!given.empty()) return given;
  for (const char* usual : kUsualFiles) {
    std::error_code error;
    if (std::filesystem::exists(usual, error)) return usual;
  }
  return "";
}

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals != nullptr) variables.emplace(std::string_view(*entry, equals), equals + 1);
  }
  return variables;
}

// The host with the usual port. A colon outside of brackets makes an IPv6 address.
std::string WithPort(const std::string& host, int port) {
  const bool bare_v6 = host.find(':') != host.npos && !host.starts_with('[');
  return (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

void ConfigFlags::AddTo(CLI::App& command) {
  command_ = &command;
  command
      .add_option("--config", file_,
                  "Settings file; ./postroad.toml or /etc/postroad/postroad.toml if not given")
      ->type_name("FILE")
      ->take_last();
  AddShortFlags(command);
  AddSettings(command);
  // Unknown flags stay here, to say which setting was meant.
  command.fallthrough(false)->allow_extras();
}

void ConfigFlags::AddShortFlags(CLI::App& command) {
  command
      .add_option_function<std::string>(
          "--data",
          [this](const std::string& folder) { flags_.emplace_back("store.directory", folder); },
          "Folder of the data (--store.directory)")
      ->type_name("DIR")
      ->take_last();
  command
      .add_option_function<std::string>(
          "--listen",
          [this](const std::string& host) {
            flags_.emplace_back("listen.grpc", WithPort(host, 7401));
            flags_.emplace_back("listen.http", WithPort(host, 7400));
            flags_.emplace_back("listen.rsocket", WithPort(host, 7402));
          },
          "Host to listen on, with the usual ports")
      ->type_name("HOST")
      ->take_last();
  command.add_flag_callback(
      "--insecure", [this] { flags_.emplace_back("server.insecure", "true"); },
      "Listen for other machines without TLS and keys (--server.insecure true)");
}

void ConfigFlags::AddSettings(CLI::App& command) {
  Config defaults;
  for (const Setting& setting : DeclareSettings(defaults).all()) {
    const std::string section = setting.name.substr(0, setting.name.find('.'));
    command
        .add_option_function<std::string>(
            "--" + setting.name,
            [this, name = setting.name](const std::string& value) {
              flags_.emplace_back(name, value);
            },
            setting.text + " [" + setting.initial + "]")
        ->type_name("<" + setting.kind + ">")
        ->take_last()
        ->group("Settings: " + section);
  }
}

// What was given and is no option of ours.
Status ConfigFlags::CheckExtras() const {
  const std::vector<std::string> extras = command_->remaining();
  if (extras.empty()) return {};
  const std::string name = extras.front().substr(0, extras.front().find('='));
  if (!name.starts_with("--")) return Invalid({}, "unexpected argument `" + name + "`");
  std::vector<std::string> known = {"--config", "--data", "--listen", "--insecure"};
  Config defaults;
  for (const std::string& setting : DeclareSettings(defaults).Names()) {
    known.push_back("--" + setting);
  }
  const std::string near = NearestName(name, known);
  return Invalid(
      {}, name + ": unknown setting" + (near.empty() ? "" : "; did you mean `" + near + "`?"));
}

Result<LoadedConfig> ConfigFlags::Load() const {
  POSTROAD_TRY(CheckExtras());
  ConfigSources sources{.variables = Environment(), .flags = flags_};
  sources.file_name = FindFile(file_);
  if (!sources.file_name.empty()) {
    std::ifstream file(sources.file_name, std::ios::binary);
    std::error_code ignored;
    if (!file || std::filesystem::is_directory(sources.file_name, ignored)) {
      return Invalid({}, sources.file_name + ": cannot be read");
    }
    sources.file_text.emplace(std::istreambuf_iterator<char>(file),
                              std::istreambuf_iterator<char>());
  }
  return LoadConfig(sources);
}

}  // namespace postroad::server
