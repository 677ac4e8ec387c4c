// Reading the configuration: file, then variables, then flags; all problems are told at once.
#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>

#include "core/names.h"
#include "server/config/config_check.h"
#include "server/config/config_loader.h"

namespace postroad::server {
namespace {

constexpr size_t kMaxProblems = 20;
constexpr std::array<std::string_view, 7> kLists = {
    "topics", "keys", "routes", "outbox.source", "kafka.connection", "kafka.out", "kafka.in"};

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return upper;
}

std::string SectionOf(std::string_view setting) {
  return std::string(setting.substr(0, setting.find('.')));
}

bool IsList(const std::string& section) {
  return std::ranges::find(kLists, section) != kLists.end();
}

}  // namespace

Result<LoadedConfig> Loader::Load() {
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

// The tables of lists are read once all of them are known, since some name others.
void Loader::ReadFile() {
  if (!sources_.file_text) return;
  auto entries = ParseToml(*sources_.file_text, sources_.file_name);
  if (!entries) {
    problems_.push_back(entries.error().message);
    return;
  }
  std::map<std::string, Items> lists;
  for (TomlEntry& entry : *entries) {
    if (entry.index >= 0 && IsList(entry.section)) {
      lists[entry.section][entry.index].push_back(std::move(entry));
    } else if (IsList(entry.section) || entry.index >= 0) {
      ComplainOfList(entry);
    } else {
      const std::string name = entry.section.empty() ? entry.key : entry.section + "." + entry.key;
      Apply(settings_, {}, name, entry.value, entry.place.ToString());
    }
  }
  ReadLists(lists);
}

void Loader::ReadLists(std::map<std::string, Items>& lists) {
  for (const auto& [index, item] : lists["topics"]) ReadTopicRule(index, item);
  for (const auto& [index, item] : lists["keys"]) ReadKey(index, item);
  if (!lists["routes"].empty()) config_.rsocket.routes.clear();
  for (const auto& [index, item] : lists["routes"]) ReadRoute(index, item);
  for (const auto& [index, item] : lists["kafka.connection"]) ReadConnection(index, item);
  for (const auto& [index, item] : lists["kafka.out"]) {
    ReadConnector("kafka.out", index, item, DeclareKafkaOut, config_.kafka.out);
  }
  for (const auto& [index, item] : lists["kafka.in"]) {
    ReadConnector("kafka.in", index, item, DeclareKafkaIn, config_.kafka.in);
  }
  for (const auto& [index, item] : lists["outbox.source"]) ReadOutboxSource(index, item);
}

// A list written as a single table, the other way round, or of a name that is not known.
void Loader::ComplainOfList(const TomlEntry& entry) {
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
void Loader::ReadVariables() {
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

bool Loader::Apply(const Settings& settings, const std::string& list, const std::string& name,
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

bool Loader::ApplyItem(const Settings& settings, const std::string& list, const Entries& entries) {
  bool good = true;
  for (const TomlEntry& entry : entries) {
    good &= Apply(settings, list, entry.key, entry.value, entry.place.ToString());
  }
  if (good) Note(settings, list);
  return good;
}

void Loader::CheckTogether() {
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

void Loader::Note(const Settings& settings, const std::string& list) {
  for (const Setting& setting : settings.all()) {
    const std::string name = list + "." + setting.name;
    const auto origin = origins_.find(name);
    if (origin == origins_.end()) continue;
    items_.push_back({name, setting.secret ? "(hidden)" : setting.show(), origin->second});
  }
}

void Loader::ListEffective() {
  for (const Setting& setting : settings_.all()) {
    const auto origin = origins_.find(setting.name);
    effective_.push_back(
        {setting.name, setting.show(), origin == origins_.end() ? "default" : origin->second});
  }
  std::ranges::move(items_, std::back_inserter(effective_));
}

std::string Loader::PlaceOf(const Entries& entries, const std::string& key) {
  const auto found = std::ranges::find(entries, key, &TomlEntry::key);
  if (found != entries.end()) return found->place.ToString();
  return entries.empty() ? "" : entries.front().place.ToString();
}

std::string Loader::Problems() const {
  std::string all;
  for (size_t i = 0; i < std::min(problems_.size(), kMaxProblems); ++i) {
    all += (all.empty() ? "" : "\n") + problems_[i];
  }
  if (problems_.size() > kMaxProblems) {
    all += "\nand " + std::to_string(problems_.size() - kMaxProblems) + " more";
  }
  return all;
}

std::string VariableFor(std::string_view setting) { return "POSTROAD_" + Upper(setting); }

Result<LoadedConfig> LoadConfig(const ConfigSources& sources) { return Loader(sources).Load(); }

}  // namespace postroad::server
