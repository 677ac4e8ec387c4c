// How a configuration is read: config_load.cc holds the sources and their order, config_lists.cc
// the tables of lists, config_outbox.cc those of Kafka and of outbox sources.
#ifndef POSTROAD_SERVER_CONFIG_CONFIG_LOADER_H_
#define POSTROAD_SERVER_CONFIG_CONFIG_LOADER_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"
#include "server/config/toml_file.h"

namespace postroad::server {

class Loader {
 public:
  explicit Loader(const ConfigSources& sources) : sources_(sources) {}

  // Once.
  Result<LoadedConfig> Load();

 private:
  using Entries = std::vector<TomlEntry>;
  using Items = std::map<int, Entries>;  // the tables of a list, by index

  void ReadFile();
  void ReadLists(std::map<std::string, Items>& lists);
  void ComplainOfList(const TomlEntry& entry);
  void ReadVariables();
  void CheckTogether();

  // Sets one setting of `settings`, which belong to a list's table if `list` is not empty. False,
  // with a problem noted, if it cannot.
  bool Apply(const Settings& settings, const std::string& list, const std::string& name,
             const RawValue& value, const std::string& origin);
  // Applies the entries of one table of a list; false if one of them is wrong.
  bool ApplyItem(const Settings& settings, const std::string& list, const Entries& entries);
  // Remembers what a list's table holds, for `config show`.
  void Note(const Settings& settings, const std::string& list);
  void ListEffective();

  void ReadTopicRule(int index, const Entries& entries);
  void ReadKey(int index, const Entries& entries);
  void ReadRoute(int index, const Entries& entries);

  void ReadConnection(int index, const Entries& entries);
  template <typename Options>
  void ReadConnector(const std::string& section, int index, const Entries& entries,
                     Settings (*declare)(Options&), std::vector<Options>& connectors);
  // Settings that say how to reach Kafka: properties and a named connection are of them. `prefix`
  // is what their names begin with. False, with a problem noted, if one is wrong.
  template <typename Options>
  bool ReadKafka(const std::string& list, const std::string& prefix, const Settings& settings,
                 const Entries& entries, Options& options);
  template <typename Options>
  bool UseConnection(const std::string& list, const std::string& prefix, const Entries& entries,
                     Options& options);
  bool ReadProperty(const std::string& list, const std::string& prefix, const TomlEntry& entry,
                    kafka::Properties& properties);
  void ReadOutboxSource(int index, const Entries& entries);
  bool ReadOutboxRoute(const std::string& list, const std::string& source, const Entries& entries,
                       OutboxTargets& targets);

  static std::string DidYouMean(const std::string& near) {
    return near.empty() ? "" : "; did you mean `" + near + "`?";
  }
  void Problem(const std::string& origin, const std::string& what) {
    problems_.push_back(origin.empty() ? what : origin + ": " + what);
  }
  // Of the setting, or else of the table that it should be in.
  static std::string PlaceOf(const Entries& entries, const std::string& key);
  std::string Problems() const;

  const ConfigSources& sources_;
  Config config_;
  const Settings settings_ = DeclareSettings(config_);
  std::map<std::string, std::string> origins_;  // of settings that are set, by full name
  std::vector<EffectiveSetting> effective_, items_;
  std::vector<journal::TopicRule> rules_;
  std::vector<std::string> key_places_;  // of config_.keys
  std::vector<KafkaConnection> connections_;
  std::vector<std::string> problems_;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_CONFIG_LOADER_H_
