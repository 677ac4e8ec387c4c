// Tables of topics' rules, keys and RSocket's routes.
#include <filesystem>
#include <fstream>

#include "core/names.h"
#include "server/config/config_loader.h"

namespace postroad::server {
namespace {

// The first line of the file, which must be the whole of it.
Result<std::string> ReadKeyFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return Invalid({}, ShowText(path) + " is no file");
  }
  std::ifstream file(path);
  std::string key, more;
  if (!std::getline(file, key)) return Invalid({}, "cannot read a key from " + ShowText(path));
  if (std::getline(file, more)) return Invalid({}, ShowText(path) + " has more than one line");
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  return key;
}

std::vector<TopicPattern> ParsePatterns(const std::vector<std::string>& texts) {
  std::vector<TopicPattern> patterns;
  for (const std::string& text : texts) {
    if (auto pattern = TopicPattern::Parse(text, {})) patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

}  // namespace

void Loader::ReadTopicRule(int index, const Entries& entries) {
  TopicRuleText rule;
  const std::string list = "topics[" + std::to_string(index) + "]";
  if (!ApplyItem(DeclareTopicRule(rule), list, entries)) return;
  auto pattern = TopicPattern::Parse(rule.pattern, {});
  if (!pattern) return Problem(entries.front().place.ToString(), "`" + list + "` has no pattern");
  rule.rule.pattern = *std::move(pattern);
  rules_.push_back(std::move(rule.rule));
}

void Loader::ReadKey(int index, const Entries& entries) {
  KeyText text;
  const std::string list = "keys[" + std::to_string(index) + "]";
  const std::string place = entries.front().place.ToString();
  if (!ApplyItem(DeclareKey(text), list, entries)) return;
  if (text.key.empty() == text.key_file.empty()) {
    return Problem(place, "`" + list + "` needs either `key` or `key_file`");
  }
  if (text.key.empty()) {
    auto key = ReadKeyFile(text.key_file);
    if (!key) return Problem(place, "`" + list + ".key_file`: " + key.error().message);
    text.key = *std::move(key);
  }
  config_.keys.push_back({text.name, text.key, ParsePatterns(text.post), ParsePatterns(text.read),
                          ParsePatterns(text.administer)});
  key_places_.push_back(place);
}

void Loader::ReadRoute(int index, const Entries& entries) {
  rsocket_gateway::Route route;
  const std::string list = "routes[" + std::to_string(index) + "]";
  const std::string place = entries.front().place.ToString();
  if (!ApplyItem(DeclareRoute(route), list, entries)) return;
  std::string example = route.topic;
  if (const size_t at = example.find(rsocket_gateway::kUserPlaceholder); at != example.npos) {
    example.replace(at, rsocket_gateway::kUserPlaceholder.size(), "u");
  }
  if (const auto checked = CheckTopicName(example, {}); !checked) {
    return Problem(place, "`" + list + ".topic` " + checked.error().message);
  }
  config_.rsocket.routes.push_back(std::move(route));
}

}  // namespace postroad::server
