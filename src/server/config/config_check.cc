// See config_check.h.
#include "server/config/config_check.h"

#include <algorithm>

#include "server/config/address.h"

namespace postroad::server {
namespace {

bool IsExposed(const std::string& text) {
  if (text.empty() || IsUnixSocket(text)) return false;
  const auto address = ParseAddress(text);
  return address && !address->IsLoopback();
}

void CheckExposed(const Config& config, const std::string& setting, const std::string& address,
                  std::vector<ConfigProblem>& problems) {
  const bool has_keys = !config.keys.empty();
  if (config.server.insecure || !IsExposed(address) || (config.tls.enabled() && has_keys)) return;
  const std::string missing = config.tls.enabled() ? "no API keys are set"
                              : has_keys           ? "TLS is not set"
                                                   : "neither TLS nor API keys are set";
  problems.push_back(
      {setting, "is " + address + ", which other machines can reach, but " + missing +
                    ": set tls.certificate_file, tls.key_file and [[keys]], or listen on "
                    "127.0.0.1, or allow it with --insecure if everybody who can reach it may "
                    "do everything"});
}

uint64_t LargestEvent(const journal::TopicRules& rules) {
  uint64_t largest = journal::TopicSettings().max_event_bytes;
  for (const journal::TopicRule& rule : rules.rules()) {
    largest = std::max(largest, rule.max_event_bytes.value_or(0));
  }
  return largest;
}

}  // namespace

std::vector<ConfigProblem> CheckConfig(const Config& config) {
  std::vector<ConfigProblem> problems;
  if (config.listen.grpc.empty()) {
    problems.push_back({"listen.grpc", "must name at least one address"});
  }
  if (config.tls.certificate_file.empty() != config.tls.key_file.empty()) {
    const bool no_key = config.tls.key_file.empty();
    problems.push_back(
        {no_key ? "tls.certificate_file" : "tls.key_file",
         no_key ? "needs tls.key_file beside it" : "needs tls.certificate_file beside it"});
  }
  CheckExposed(config, "listen.http", config.listen.http, problems);
  CheckExposed(config, "listen.rsocket", config.listen.rsocket, problems);
  for (const std::string& address : config.listen.grpc) {
    CheckExposed(config, "listen.grpc", address, problems);
  }
  const uint64_t largest = LargestEvent(config.journal.rules);
  if (config.grpc.max_message_bytes <= largest) {
    problems.push_back(
        {"grpc.max_message_bytes",
         "must be more than the largest max_event_bytes, which is " + ShowBytes(largest)});
  }
  if (config.http.body_memory_bytes < config.http.max_body_bytes) {
    problems.push_back(
        {"http.body_memory_bytes", "must be at least http.max_body_bytes, which is " +
                                       ShowBytes(config.http.max_body_bytes)});
  }
  return problems;
}

}  // namespace postroad::server
