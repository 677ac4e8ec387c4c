// Tables of Kafka connections and connectors, and of outbox sources and where their events go.
#include <algorithm>
#include <string_view>

#include "core/names.h"
#include "kafka/properties.h"
#include "server/config/config_loader.h"

namespace postroad::server {
namespace {

// Of a connector: librdkafka's own settings.
constexpr std::string_view kProperties = "properties.";
constexpr std::string_view kKafka = "kafka.";
// The targets of a source: "target[0].topics".
constexpr std::string_view kTarget = "target[";

// Whether a property's value must not be shown.
bool IsSecret(std::string_view property) {
  for (const std::string_view word : {"password", "secret", "key", "oauthbearer.config"}) {
    if (property.find(word) != property.npos) return true;
  }
  return false;
}

bool BeginsWith(const TomlEntry& entry, std::string_view prefix) {
  return entry.key.starts_with(prefix);
}

}  // namespace

// Librdkafka's values are text; numbers and booleans may be written as such.
bool Loader::ReadProperty(const std::string& list, const std::string& prefix,
                          const TomlEntry& entry, kafka::Properties& properties) {
  const std::string name = entry.key.substr(prefix.size() + kProperties.size());
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

template <typename Options>
bool Loader::ReadKafka(const std::string& list, const std::string& prefix, const Settings& settings,
                       const Entries& entries, Options& options) {
  Entries own;
  for (const TomlEntry& entry : entries) {
    if (!entry.key.starts_with(prefix + std::string(kProperties))) {
      own.push_back(entry);
    } else if (!ReadProperty(list, prefix, entry, options.properties)) {
      return false;
    }
  }
  if (!ApplyItem(settings, list, own) || !UseConnection(list, prefix, entries, options)) {
    return false;
  }
  const Status checked = kafka::CheckOptions(options);
  if (checked) return true;
  const std::string key = prefix + checked.error().field;
  Problem(PlaceOf(entries, key), "`" + list + "." + key + "` " + checked.error().message);
  return false;
}

// The connection's brokers, and its properties where the options have none of that name.
template <typename Options>
bool Loader::UseConnection(const std::string& list, const std::string& prefix,
                           const Entries& entries, Options& options) {
  if (options.connection.empty()) return true;
  const std::string key = prefix + "connection", setting = "`" + list + "." + key + "` ";
  const auto found = std::ranges::find(connections_, options.connection, &KafkaConnection::name);
  if (found == connections_.end()) {
    std::vector<std::string> known;
    for (const KafkaConnection& connection : connections_) known.push_back(connection.name);
    const std::string near = NearestName(options.connection, known);
    Problem(PlaceOf(entries, key), setting + "names no [[kafka.connection]]: " +
                                       ShowText(options.connection) + DidYouMean(near));
    return false;
  }
  if (!options.brokers.empty()) {
    Problem(PlaceOf(entries, key), setting + "has brokers of its own: leave out `brokers`");
    return false;
  }
  options.brokers = found->brokers;
  options.properties.insert(found->properties.begin(), found->properties.end());
  return true;
}

void Loader::ReadConnection(int index, const Entries& entries) {
  KafkaConnection connection;
  const std::string list = "kafka.connection[" + std::to_string(index) + "]";
  const std::string place = entries.front().place.ToString();
  Entries own;
  for (const TomlEntry& entry : entries) {
    if (!BeginsWith(entry, kProperties)) {
      own.push_back(entry);
    } else if (!ReadProperty(list, {}, entry, connection.properties)) {
      return;
    }
  }
  if (!ApplyItem(DeclareKafkaConnection(connection), list, own)) return;
  if (connection.name.empty()) return Problem(place, "`" + list + "` has no name");
  if (connection.brokers.empty()) return Problem(place, "`" + list + "` has no brokers");
  for (const KafkaConnection& other : connections_) {
    if (other.name != connection.name) continue;
    return Problem(place, "`" + list + ".name` is the name of another of the [[kafka.connection]]");
  }
  connections_.push_back(std::move(connection));
}

// One of the [[kafka.out]] or [[kafka.in]].
template <typename Options>
void Loader::ReadConnector(const std::string& section, int index, const Entries& entries,
                           Settings (*declare)(Options&), std::vector<Options>& connectors) {
  Options options;
  const std::string list = section + "[" + std::to_string(index) + "]";
  if (!ReadKafka(list, {}, declare(options), entries, options)) return;
  for (const Options& other : connectors) {
    if (other.name != options.name) continue;
    return Problem(entries.front().place.ToString(),
                   "`" + list + ".name` is the name of another of the [[" + section + "]]");
  }
  connectors.push_back(std::move(options));
}
template void Loader::ReadConnector(const std::string&, int, const Entries&,
                                    Settings (*)(kafka::OutOptions&),
                                    std::vector<kafka::OutOptions>&);
template void Loader::ReadConnector(const std::string&, int, const Entries&,
                                    Settings (*)(kafka::InOptions&),
                                    std::vector<kafka::InOptions>&);

void Loader::ReadOutboxSource(int index, const Entries& entries) {
  outbox::SourceOptions source;
  const std::string list = "outbox.source[" + std::to_string(index) + "]";
  const std::string place = entries.front().place.ToString();
  Entries own, to_kafka;
  std::map<std::string, Entries> targets;  // by "target[0]"
  for (const TomlEntry& entry : entries) {
    if (BeginsWith(entry, "target.")) {
      return Problem(entry.place.ToString(),
                     "`" + list +
                         ".target` is a list: begin each entry with "
                         "[[outbox.source.target]], not [outbox.source.target]");
    }
    if (BeginsWith(entry, kTarget)) {
      TomlEntry& inner = targets[entry.key.substr(0, entry.key.find('.'))].emplace_back(entry);
      inner.key.erase(0, inner.key.find('.') + 1);
    } else {
      (BeginsWith(entry, kKafka) ? to_kafka : own).push_back(entry);
    }
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
    return Problem(place, "`" + list + ".name` " + ShowText(other.name) + " is another's already");
  }
  OutboxTargets all;
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::string target = "target[" + std::to_string(i) + "]";
    if (!ReadOutboxRoute(list + "." + target, complete->name, targets[target], all)) return;
  }
  if (!to_kafka.empty()) {
    kafka::TargetOptions& target = all.rest.emplace();
    target.name = complete->name;
    if (!ReadKafka(list, std::string(kKafka), DeclareOutboxKafka(target), to_kafka, target)) return;
  }
  config_.outbox_targets[complete->name] = std::move(all);
  config_.outbox_sources.push_back(*std::move(complete));
}

// One of a source's targets: topics, and Kafka unless they go to the log.
bool Loader::ReadOutboxRoute(const std::string& list, const std::string& source,
                             const Entries& entries, OutboxTargets& targets) {
  OutboxRouteText route;
  Entries own, to_kafka;
  for (const TomlEntry& entry : entries) {
    (BeginsWith(entry, kKafka) ? to_kafka : own).push_back(entry);
  }
  if (!ApplyItem(DeclareOutboxRoute(route), list, own)) return false;
  auto topics = TopicSelector::Parse(route.topics, "topics");
  if (!topics) {
    Problem(PlaceOf(entries, "topics"),
            "`" + list + "." + topics.error().field + "` " + topics.error().message);
    return false;
  }
  OutboxRoute read{.topics = *std::move(topics)};
  if (!to_kafka.empty()) {
    kafka::TargetOptions& target = read.kafka.emplace();
    target.name = source;
    if (!ReadKafka(list, std::string(kKafka), DeclareOutboxKafka(target), to_kafka, target)) {
      return false;
    }
  }
  targets.routes.push_back(std::move(read));
  return true;
}

}  // namespace postroad::server
