// See librdkafka.h.
#include "kafka/librdkafka.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "core/names.h"
#include "kafka/properties.h"
#include "runtime/log.h"

namespace postroad::kafka {
namespace {

// How often the same error is logged.
constexpr std::chrono::seconds kSayAgain{30};
// How long an error is shown of a client that is connected all the same.
constexpr std::chrono::seconds kShowError{60};

struct Fixed {
  std::string_view name;
  std::string_view value;  // empty: may not be set at all
  std::string_view why;
};

// A property of our own may be given only with the value it has anyway.
constexpr std::array kProducerFixed = {
    Fixed{"enable.idempotence", "true", "order and no duplicates rest on it"},
    Fixed{"acks", "all", "an event is done once all replicas have it"},
    Fixed{"request.required.acks", "-1", "an event is done once all replicas have it"},
    Fixed{"message.timeout.ms", "0", "an event is tried for ever"},
    Fixed{"delivery.timeout.ms", "0", "an event is tried for ever"},
    Fixed{"transactional.id", "", "there are no transactions"},
    Fixed{"enable.gapless.guarantee", "", "it is set as order needs it"},
};
constexpr std::array kConsumerFixed = {
    Fixed{"enable.auto.offset.store", "false", "offsets are those of events that are stored"},
    Fixed{"group.id", "", "use the setting `group`"},
    Fixed{"auto.offset.reset", "", "use the setting `start`"},
    Fixed{"enable.partition.eof", "false", "there is no use for it"},
};
constexpr std::array kBothFixed = {
    Fixed{"bootstrap.servers", "", "use the setting `brokers`"},
    Fixed{"metadata.broker.list", "", "use the setting `brokers`"},
    Fixed{"statistics.interval.ms", "1000", "health rests on it"},
};

Status CheckOwn(const auto& fixed, const std::string& name, const std::string& value) {
  for (const Fixed& one : fixed) {
    if (one.name != name || (!one.value.empty() && one.value == value)) continue;
    return Invalid("properties." + name,
                   one.value.empty()
                       ? "cannot be set: " + std::string(one.why)
                       : "must be " + std::string(one.value) + ": " + std::string(one.why));
  }
  return {};
}

// What librdkafka's own defaults are too large or too slow for.
void SetDefaults(Role role, rd_kafka_conf_t* conf) {
  MustSet(conf, "client.id", "postroad");
  MustSet(conf, "reconnect.backoff.max.ms", "2000");
  if (role == Role::kConsumer) {
    MustSet(conf, "queued.max.messages.kbytes", "16384");
    MustSet(conf, "fetch.wait.max.ms", "100");
    return;
  }
  MustSet(conf, "queue.buffering.max.kbytes", "65536");
  MustSet(conf, "linger.ms", "2");
  // As Kafka's own clients do, so that a key has one partition whoever produces.
  MustSet(conf, "partitioner", "murmur2_random");
}

void SetOwn(Role role, rd_kafka_conf_t* conf) {
  MustSet(conf, "statistics.interval.ms", "1000");
  if (role == Role::kConsumer) {
    MustSet(conf, "enable.auto.offset.store", "false");
    return;
  }
  MustSet(conf, "enable.idempotence", "true");
  MustSet(conf, "message.timeout.ms", "0");
}

// Of the properties that have a default, and of those that people set most.
std::vector<std::string> PropertyNames() {
  std::vector<std::string> names = {
      "sasl.username",    "sasl.password",    "ssl.ca.location",  "ssl.certificate.location",
      "ssl.key.location", "ssl.key.password", "group.instance.id"};
  const ConfPtr conf(rd_kafka_conf_new());
  size_t count = 0;
  const char** dump = rd_kafka_conf_dump(conf.get(), &count);
  for (size_t i = 0; i + 1 < count; i += 2) names.emplace_back(dump[i]);
  rd_kafka_conf_dump_free(dump, count);
  return names;
}

int StatisticsCallback(rd_kafka_t*, char* json, size_t size, void* opaque) {
  static_cast<CallbackContext*>(opaque)->log->OnStatistics({json, size});
  return 0;  // librdkafka frees it
}

void ErrorCallback(rd_kafka_t*, int error, const char* reason, void* opaque) {
  static_cast<CallbackContext*>(opaque)->log->OnError(error, reason);
}

void LogCallback(const rd_kafka_t* client, int level, const char* facility, const char* line) {
  auto* context = static_cast<CallbackContext*>(rd_kafka_opaque(client));
  if (context != nullptr) context->log->OnLog(level, facility, line);
}

}  // namespace

struct ConnectionLog::State {
  std::atomic<bool> connected = false;
  std::atomic<uint64_t> errors = 0;
  std::mutex mutex;
  std::string last_error;
  std::chrono::steady_clock::time_point last_error_at;
  std::map<int, std::chrono::steady_clock::time_point> logged;
};

std::shared_ptr<ConnectionLog::State> ConnectionLog::NewState() {
  return std::make_shared<State>();
}

void ConnectionLog::OnStatistics(std::string_view json) {
  // Of all of it only whether any broker is connected.
  const bool connected = json.find("\"state\":\"UP\"") != json.npos;
  const bool changed = state_->connected.exchange(connected) != connected;
  if (!connected) {
    if (changed) LogError("kafka is out of reach; trying for ever", {{"connector", connector_}});
    return;
  }
  if (changed) LogInfo("kafka connected", {{"connector", connector_}});
  std::lock_guard lock(state_->mutex);
  const auto age = std::chrono::steady_clock::now() - state_->last_error_at;
  if (changed || age > kShowError) state_->last_error.clear();
}

void ConnectionLog::OnError(int error, const char* reason) {
  ++state_->errors;
  const auto code = static_cast<rd_kafka_resp_err_t>(error);
  const std::string text = std::string(rd_kafka_err2name(code)) + ": " + reason;
  {
    std::lock_guard lock(state_->mutex);
    // That all are down says less than why the last one was.
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || state_->last_error.empty()) {
      state_->last_error = text;
      state_->last_error_at = std::chrono::steady_clock::now();
    }
    // The same over and over while Kafka is away: said now and then.
    const auto now = std::chrono::steady_clock::now();
    const auto [last, first] = state_->logged.try_emplace(error, now);
    if (!first && now - last->second < kSayAgain) return;
    last->second = now;
  }
  LogError("kafka error", {{"connector", connector_}, {"error", text}});
}

void ConnectionLog::OnLog(int level, const char* facility, const char* line) {
  // Syslog's levels. Lost connections come as errors, too, which are logged above.
  if (level <= 3 && std::string_view(facility) != "FAIL") {
    LogWarn("librdkafka", {{"connector", connector_}, {"facility", facility}, {"line", line}});
  } else {
    LogDebug("librdkafka", {{"connector", connector_}, {"facility", facility}, {"line", line}});
  }
}

bool ConnectionLog::connected() const { return state_->connected; }
uint64_t ConnectionLog::errors() const { return state_->errors; }
std::string ConnectionLog::last_error() const {
  std::lock_guard lock(state_->mutex);
  return state_->last_error;
}

void MustSet(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  std::array<char, 512> text{};
  if (rd_kafka_conf_set(conf, name, value.c_str(), text.data(), text.size()) == RD_KAFKA_CONF_OK) {
    return;
  }
  std::fprintf(stderr, "librdkafka refuses %s=%s: %s\n", name, value.c_str(), text.data());
  std::abort();
}

Result<ConfPtr> MakeConf(Role role, const Properties& properties) {
  ConfPtr conf(rd_kafka_conf_new());
  SetDefaults(role, conf.get());
  for (const auto& [name, value] : properties) {
    POSTROAD_TRY(CheckOwn(kBothFixed, name, value));
    if (role == Role::kProducer) POSTROAD_TRY(CheckOwn(kProducerFixed, name, value));
    if (role == Role::kConsumer) POSTROAD_TRY(CheckOwn(kConsumerFixed, name, value));
    std::array<char, 512> text{};
    const auto set =
        rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size());
    if (set == RD_KAFKA_CONF_UNKNOWN) {
      const std::string near = NearestName(name, PropertyNames());
      return Invalid("properties." + name,
                     "is no property that librdkafka knows" +
                         (near.empty() ? "" : "; did you mean " + near + "?"));
    }
    if (set != RD_KAFKA_CONF_OK) return Invalid("properties." + name, text.data());
  }
  SetOwn(role, conf.get());
  return conf;
}

void ReportTo(CallbackContext& context, rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_opaque(conf, &context);
  rd_kafka_conf_set_stats_cb(conf, StatisticsCallback);
  rd_kafka_conf_set_error_cb(conf, ErrorCallback);
  rd_kafka_conf_set_log_cb(conf, LogCallback);
}

Result<ClientPtr> MakeClient(rd_kafka_type_t type, const std::string& brokers, ConfPtr conf) {
  if (!brokers.empty()) MustSet(conf.get(), "bootstrap.servers", brokers);
  std::array<char, 512> text{};
  ClientPtr client(rd_kafka_new(type, conf.get(), text.data(), text.size()));
  if (!client) return Invalid("properties", text.data());
  conf.release();  // the client has taken it
  return client;
}

namespace {

// A client that connects to nobody, and says nothing: whether the properties go together.
Status Try(rd_kafka_type_t type, ConfPtr conf) {
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  POSTROAD_TRY(MakeClient(type, "", std::move(conf)));
  return {};
}

}  // namespace

Status CheckProducerProperties(const Properties& properties) {
  POSTROAD_ASSIGN(ConfPtr conf, MakeConf(Role::kProducer, properties));
  return Try(RD_KAFKA_PRODUCER, std::move(conf));
}

Status CheckConsumerProperties(const Properties& properties) {
  POSTROAD_ASSIGN(ConfPtr conf, MakeConf(Role::kConsumer, properties));
  MustSet(conf.get(), "group.id", "postroad");
  return Try(RD_KAFKA_CONSUMER, std::move(conf));
}

}  // namespace postroad::kafka
