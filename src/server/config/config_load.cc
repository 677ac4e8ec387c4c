// Reading the configuration: file, then variables, then flags; all problems are told at once.
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "core/names.h"
#include "kafka/properties.h"
#include "server/config/config.h"
#include "server/config/config_check.h"
#include "server/config/toml_file.h"

namespace postroad::server {
namespace {

constexpr size_t kMaxProblems = 20;
constexpr std::array<std::string_view, 6> kLists = {"topics",        "keys",      "routes",
                                                    "outbox.source", "kafka.out", "kafka.in"};
// Of a connector: librdkafka's own settings.
constexpr std::string_view kProperties = "properties.";

// Whether a property's value must not be shown.
bool IsSecret(std::string_view property) {
  for (const std::string_view word : {"password", "secret", "key", "oauthbearer.config"}) {
    if (property.find(word) != property.npos) return true;
  }
  return false;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return upper;
}

std::string SectionOf(std::string_view setting) {
  return std::string(setting.substr(0, setting.find('.')));
}

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

class Loader {
 public:
  explicit Loader(const ConfigSources& sources) : sources_(sources) {}

  Result<LoadedConfig> Load() {
    ReadFile();
    ReadVariables();
    for (const auto& [name, value] : sources_.flags) {
      Apply(settings_, {}, name, RawValue::Loose(value), "--" + name);
    }
    if (problems_.empty()) CheckTogether();
    if (!problems_.empty()) return Invalid({}, Problems(), "BAD_SETTINGS");
    ListEffective();
    return LoadedConfig{std::move(config_), std::move(effective_)};
  }

 private:
  using Entries = std::vector<TomlEntry>;

  void ReadFile() {
    if (!sources_.file_text) return;
    auto entries = ParseToml(*sources_.file_text, sources_.file_name);
    if (!entries) {
      problems_.push_back(entries.error().message);
      return;
    }
    std::map<int, Entries> topics, keys, routes, kafka_out, kafka_in, sources;
    for (TomlEntry& entry : *entries) {
      if (entry.index >= 0 && entry.section == "topics") {
        topics[entry.index].push_back(std::move(entry));
      } else if (entry.index >= 0 && entry.section == "keys") {
        keys[entry.index].push_back(std::move(entry));
      } else if (entry.index >= 0 && entry.section == "routes") {
        routes[entry.index].push_back(std::move(entry));
      } else if (entry.index >= 0 && entry.section == "kafka.out") {
        kafka_out[entry.index].push_back(std::move(entry));
      } else if (entry.index >= 0 && entry.section == "kafka.in") {
        kafka_in[entry.index].push_back(std::move(entry));
      } else if (entry.index >= 0 && entry.section == "outbox.source") {
        sources[entry.index].push_back(std::move(entry));
      } else if (IsList(entry.section) || entry.index >= 0) {
        ComplainOfList(entry);
      } else {
        const std::string name =
            entry.section.empty() ? entry.key : entry.section + "." + entry.key;
        Apply(settings_, {}, name, entry.value, entry.place.ToString());
      }
    }
    for (const auto& [index, item] : topics) ReadTopicRule(index, item);
    for (const auto& [index, item] : keys) ReadKey(index, item);
    if (!routes.empty()) config_.rsocket.routes.clear();
    for (const auto& [index, item] : routes) ReadRoute(index, item);
    for (const auto& [index, item] : kafka_out) {
      ReadConnector("kafka.out", index, item, DeclareKafkaOut, config_.kafka.out);
    }
    for (const auto& [index, item] : kafka_in) {
      ReadConnector("kafka.in", index, item, DeclareKafkaIn, config_.kafka.in);
    }
    for (const auto& [index, item] : sources) ReadOutboxSource(index, item);
  }

  static bool IsList(const std::string& section) {
    return std::ranges::find(kLists, section) != kLists.end();
  }
  // A list written as a single table, the other way round, or of a name that is not known.
  void ComplainOfList(const TomlEntry& entry) {
    const std::string origin = entry.place.ToString(), &section = entry.section;
    if (IsList(section)) {
      return Problem(origin, "`" + section + "` is a list: begin each entry with [[" + section +
                                 "]], not [" + section + "]");
    }
    if (settings_.HasSection(section)) {
      return Problem(origin, "`" + section + "` is no list: write [" + section + "]");
    }
    const std::string near = NearestName(section, {kLists.begin(), kLists.end()});
    Problem(origin, "unknown list [[" + section + "]]" +
                        DidYouMean(near.empty() ? near : "[[" + near + "]]"));
  }

  // Variables of our sections; others that begin with POSTROAD_ may be anybody's.
  void ReadVariables() {
    std::map<std::string, std::string> names;  // by variable
    std::vector<std::string> prefixes;
    for (const std::string& name : settings_.Names()) {
      names[VariableFor(name)] = name;
      prefixes.push_back(VariableFor(SectionOf(name)) + "_");
    }
    for (const auto& [variable, value] : sources_.variables) {
      const auto known = names.find(variable);
      if (known != names.end()) {
        Apply(settings_, {}, known->second, RawValue::Loose(value), variable);
        continue;
      }
      const auto ours = [&](const std::string& prefix) { return variable.starts_with(prefix); };
      if (std::ranges::none_of(prefixes, ours)) continue;
      std::vector<std::string> all;
      for (const auto& [name, setting] : names) all.push_back(name);
      Problem(variable, "unknown setting" + DidYouMean(NearestName(variable, all)));
    }
  }

  // Sets one setting of `settings`, which belong to a list's table if `list` is not empty. False,
  // with a problem noted, if it cannot.
  bool Apply(const Settings& settings, const std::string& list, const std::string& name,
             const RawValue& value, const std::string& origin) {
    const std::string full = list.empty() ? name : list + "." + name;
    const Setting* setting = settings.Find(name);
    if (setting == nullptr) {
      std::string near = NearestName(name, settings.Names());
      if (!near.empty() && !list.empty()) near = list + "." + near;
      Problem(origin, "unknown setting `" + full + "`" + DidYouMean(near));
      return false;
    }
    if (const Status status = setting->set(value); !status) {
      Problem(origin,
              "`" + full + "` " + (setting->secret ? "must be text" : status.error().message));
      return false;
    }
    origins_[full] = origin;
    return true;
  }

  // Applies the entries of one table of a list; false if one of them is wrong.
  bool ApplyItem(const Settings& settings, const std::string& list, const Entries& entries) {
    bool good = true;
    for (const TomlEntry& entry : entries) {
      good &= Apply(settings, list, entry.key, entry.value, entry.place.ToString());
    }
    if (good) Note(settings, list);
    return good;
  }

  void ReadTopicRule(int index, const Entries& entries) {
    TopicRuleText rule;
    const std::string list = "topics[" + std::to_string(index) + "]";
    if (!ApplyItem(DeclareTopicRule(rule), list, entries)) return;
    auto pattern = TopicPattern::Parse(rule.pattern, {});
    if (!pattern) return Problem(entries.front().place.ToString(), "`" + list + "` has no pattern");
    rule.rule.pattern = *std::move(pattern);
    rules_.push_back(std::move(rule.rule));
  }

  void ReadKey(int index, const Entries& entries) {
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

  void ReadRoute(int index, const Entries& entries) {
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

  // One of the [[kafka.out]] or [[kafka.in]].
  template <typename Options>
  void ReadConnector(const std::string& section, int index, const Entries& entries,
                     Settings (*declare)(Options&), std::vector<Options>& connectors) {
    Options options;
    const std::string list = section + "[" + std::to_string(index) + "]";
    Entries own;
    std::map<std::string, const TomlEntry*> by_key;
    for (const TomlEntry& entry : entries) {
      by_key[entry.key] = &entry;
      if (entry.key.starts_with(kProperties)) {
        if (!ReadProperty(list, entry, options.properties)) return;
      } else {
        own.push_back(entry);
      }
    }
    if (!ApplyItem(declare(options), list, own)) return;
    if (const Status checked = kafka::CheckOptions(options); !checked) {
      const auto at = by_key.find(checked.error().field);
      const Place& place = (at == by_key.end() ? entries.front() : *at->second).place;
      return Problem(place.ToString(),
                     "`" + list + "." + checked.error().field + "` " + checked.error().message);
    }
    for (const Options& other : connectors) {
      if (other.name != options.name) continue;
      return Problem(entries.front().place.ToString(),
                     "`" + list + ".name` is the name of another of the [[" + section + "]]");
    }
    connectors.push_back(std::move(options));
  }

  // Librdkafka's values are text; numbers and booleans may be written as such.
  bool ReadProperty(const std::string& list, const TomlEntry& entry,
                    kafka::Properties& properties) {
    const std::string name = entry.key.substr(kProperties.size());
    const RawValue& value = entry.value;
    if (value.type == RawValue::Type::kList || value.type == RawValue::Type::kOther) {
      Problem(entry.place.ToString(),
              "`" + list + "." + entry.key + "` must be text, a whole number, true or false");
      return false;
    }
    properties[name] = value.text;
    items_.push_back({list + "." + entry.key, IsSecret(name) ? "(hidden)" : ShowText(value.text),
                      entry.place.ToString()});
    return true;
  }

  void ReadOutboxSource(int index, const Entries& entries) {
    outbox::SourceOptions source;
    const std::string list = "outbox.source[" + std::to_string(index) + "]";
    const std::string place = entries.front().place.ToString();
    Entries own, kafka;
    for (const TomlEntry& entry : entries) {
      (entry.key.starts_with("kafka.") ? kafka : own).push_back(entry);
    }
    if (!ApplyItem(DeclareOutboxSource(source), list, own)) return;
    if (source.name.empty()) return Problem(place, "`" + list + "` has no name");
    auto complete = outbox::Complete(std::move(source));
    if (!complete) {
      return Problem(place,
                     "`" + list + "." + complete.error().field + "` " + complete.error().message);
    }
    for (const outbox::SourceOptions& other : config_.outbox_sources) {
      if (other.name != complete->name) continue;
      return Problem(place,
                     "`" + list + ".name` " + ShowText(other.name) + " is another's already");
    }
    if (!kafka.empty() && !ReadOutboxKafka(list, complete->name, kafka)) return;
    config_.outbox_sources.push_back(*std::move(complete));
  }

  // What a source says of Kafka, if that is its target.
  bool ReadOutboxKafka(const std::string& list, const std::string& source, const Entries& entries) {
    kafka::TargetOptions target{.name = source};
    Entries own;
    for (TomlEntry entry : entries) {
      constexpr std::string_view kPrefix = "kafka.properties.";
      if (!entry.key.starts_with(kPrefix)) {
        own.push_back(std::move(entry));
        continue;
      }
      entry.key.erase(0, std::string_view("kafka.").size());
      if (!ReadProperty(list + ".kafka", entry, target.properties)) return false;
    }
    if (!ApplyItem(DeclareOutboxKafka(target), list, own)) return false;
    if (const Status checked = kafka::CheckOptions(target); !checked) {
      Problem(entries.front().place.ToString(),
              "`" + list + ".kafka." + checked.error().field + "` " + checked.error().message);
      return false;
    }
    config_.outbox_kafka[source] = std::move(target);
    return true;
  }

  void CheckTogether() {
    config_.journal.rules = journal::TopicRules(std::move(rules_));
    if (const auto keys = auth::StaticKeys(config_.keys); !keys) {
      // The field is "keys[<position among those read>].…".
      const size_t position = std::stoul(keys.error().field.substr(5));
      Problem(key_places_[position], "`" + keys.error().field + "`: " + keys.error().message);
    }
    for (const ConfigProblem& problem : CheckConfig(config_)) {
      const auto origin = origins_.find(problem.setting);
      Problem(origin == origins_.end() ? "" : origin->second,
              "`" + problem.setting + "` " + problem.message);
    }
  }

  // Remembers what a list's table holds, for `config show`.
  void Note(const Settings& settings, const std::string& list) {
    for (const Setting& setting : settings.all()) {
      const std::string name = list + "." + setting.name;
      const auto origin = origins_.find(name);
      if (origin == origins_.end()) continue;
      items_.push_back({name, setting.secret ? "(hidden)" : setting.show(), origin->second});
    }
  }

  void ListEffective() {
    for (const Setting& setting : settings_.all()) {
      const auto origin = origins_.find(setting.name);
      effective_.push_back(
          {setting.name, setting.show(), origin == origins_.end() ? "default" : origin->second});
    }
    std::ranges::move(items_, std::back_inserter(effective_));
  }

  static std::string DidYouMean(const std::string& near) {
    return near.empty() ? "" : "; did you mean `" + near + "`?";
  }
  void Problem(const std::string& origin, const std::string& what) {
    problems_.push_back(origin.empty() ? what : origin + ": " + what);
  }
  std::string Problems() {
    std::string all;
    for (size_t i = 0; i < std::min(problems_.size(), kMaxProblems); ++i) {
      all += (all.empty() ? "" : "\n") + problems_[i];
    }
    if (problems_.size() > kMaxProblems) {
      all += "\nand " + std::to_string(problems_.size() - kMaxProblems) + " more";
    }
    return all;
  }

  const ConfigSources& sources_;
  Config config_;
  const Settings settings_ = DeclareSettings(config_);
  std::map<std::string, std::string> origins_;  // of settings that are set, by full name
  std::vector<EffectiveSetting> effective_, items_;
  std::vector<journal::TopicRule> rules_;
  std::vector<std::string> key_places_;  // of config_.keys
  std::vector<std::string> problems_;
};

}  // namespace

std::string VariableFor(std::string_view setting) { return "POSTROAD_" + Upper(setting); }

Result<LoadedConfig> LoadConfig(const ConfigSources& sources) { return Loader(sources).Load(); }

}  // namespace postroad::server
