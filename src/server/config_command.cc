// `postroad config`: looks at the settings without starting the server.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "runtime/log.h"
#include "server/commands.h"
#include "server/config_flags.h"
#include "server/metrics_docs.h"
#include "server/net/tls_files.h"

namespace postroad::server {
namespace {

using Flags = std::shared_ptr<ConfigFlags>;

int Fail(const Error& error, int code) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return code;
}

int Show(const ConfigFlags& flags) {
  const auto loaded = flags.Load();
  if (!loaded) return Fail(loaded.error(), kExitBadSettings);
  size_t width = 0;
  for (const auto& setting : loaded->effective) {
    width = std::max(width, setting.name.size() + setting.value.size() + 3);
  }
  for (const auto& setting : loaded->effective) {
    const std::string left = setting.name + " = " + setting.value;
    std::printf("%-*s  # %s\n", static_cast<int>(width), left.c_str(), setting.origin.c_str());
  }
  return kExitOk;
}

int Check(const ConfigFlags& flags) {
  const auto loaded = flags.Load();
  if (!loaded) return Fail(loaded.error(), kExitBadSettings);
  const auto& tls = loaded->config.tls;
  if (tls.enabled()) {
    const Status usable = TlsFiles::Check(tls.certificate_file, tls.key_file);
    if (!usable) return Fail(usable.error(), kExitBadSettings);
  }
  std::printf("the settings are good\n");
  return kExitOk;
}

int PrintConfigurationDocs() {
  std::fputs(ConfigurationDocs().c_str(), stdout);
  return kExitOk;
}

int PrintMetricsDocs() {
  const auto docs = MetricsDocs();
  if (!docs) return Fail(docs.error(), kExitFailed);
  std::fputs(docs->c_str(), stdout);
  return kExitOk;
}

void AddWithFlags(CLI::App& config, const char* name, const char* text, int& exit_code,
                  int (*run)(const ConfigFlags&)) {
  auto flags = std::make_shared<ConfigFlags>();
  CLI::App* command = config.add_subcommand(name, text);
  flags->AddTo(*command);
  command->callback([flags, run, &exit_code] { exit_code = run(*flags); });
}

}  // namespace

void AddConfigCommand(CLI::App& program, int& exit_code) {
  CLI::App* config = program.add_subcommand("config", "Look at the server's settings");
  config->require_subcommand(1);
  AddWithFlags(*config, "show", "Print every setting and where it comes from", exit_code, Show);
  AddWithFlags(*config, "check", "Say what is wrong with the settings", exit_code, Check);
  config->add_subcommand("docs", "Print docs/configuration.md")->callback([&exit_code] {
    exit_code = PrintConfigurationDocs();
  });
  config->add_subcommand("metrics", "Print docs/metrics.md")->callback([&exit_code] {
    exit_code = PrintMetricsDocs();
  });
}

}  // namespace postroad::server
