// A real Apache Kafka broker (KRaft, one node), started by tests on free ports of loopback.
#ifndef POSTROAD_TESTS_KAFKA_BROKER_H_
#define POSTROAD_TESTS_KAFKA_BROKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace postroad::testing {

// Whether there are the packages and the Java to run it; if not, tests say so and are skipped.
bool HasKafka();
#define POSTROAD_NEEDS_KAFKA()                                                         \
  if (!postroad::testing::HasKafka()) {                                                \
    GTEST_SKIP() << "there is no Kafka broker on this machine; ./dev install gets it"; \
  }

// A command for Java with the broker's packages, among which are Kafka's client and Jackson.
std::vector<std::string> JavaCommand(const std::string& heap, std::vector<std::string> rest);

// Whether the broker has, beside its plain listener, one with TLS that asks for user and password
// (SASL: PLAIN or SCRAM-SHA-512).
enum class KafkaSecurity { kNone, kTlsAndSasl };
inline constexpr const char* kKafkaUser = "postroad";
inline constexpr const char* kKafkaPassword = "open-sesame";

class KafkaBroker {
 public:
  // `settings` are further lines of its server.properties. Ready when constructed (a test failure
  // if not). Topics are not made by themselves unless the settings say so.
  explicit KafkaBroker(std::string settings = {}, KafkaSecurity security = KafkaSecurity::kNone);

  const std::string& address() const { return address_; }  // "127.0.0.1:40001"
  // Of the secured listener, and the certificate to trust for it.
  const std::string& secure_address() const { return secure_address_; }
  std::string certificate() const { return folder_ / "kafka.pem"; }
  // SIGTERM, or SIGKILL, and waits for the end. Its data stay.
  void Stop();
  void Kill();
  // After one of them: the same address and data.
  void Start();
  std::string Log() const;

 private:
  std::string Listeners() const;
  std::string SecureSettings();

  TempFolder folder_;
  std::string address_, controller_, secure_address_;
  std::unique_ptr<Process> process_;
};

// One for all tests that neither stop it nor share a topic.
KafkaBroker& SharedKafka();

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_KAFKA_BROKER_H_
