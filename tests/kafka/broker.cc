// See broker.h.
#include "kafka/broker.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kafka/peer.h"
#include "support/identity.h"

namespace postroad::testing {
namespace {

// The folder that scripts/kafka.sh fills.
std::string Jars() {
  if (const char* jars = std::getenv("POSTROAD_KAFKA_JARS")) return jars;
  const Ended ended = RunProgram(
      {"/usr/bin/env", "bash", POSTROAD_KAFKA_SCRIPT, "printenv", "POSTROAD_KAFKA_JARS"});
  if (ended.code != 0) return {};
  return ended.output.substr(0, ended.output.find('\n'));
}

const std::string& JarsOnce() {
  static const std::string jars = Jars();
  return jars;
}

}  // namespace

std::vector<std::string> JavaCommand(const std::string& heap, std::vector<std::string> rest) {
  std::vector<std::string> command = {"/usr/bin/env",
                                      "java",
                                      "-Xmx" + heap,
                                      "-XX:+UseSerialGC",
                                      "-XX:TieredStopAtLevel=1",
                                      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                      "-cp",
                                      JarsOnce() + "/*"};
  command.insert(command.end(), rest.begin(), rest.end());
  return command;
}

bool HasKafka() { return !JarsOnce().empty(); }

KafkaBroker::KafkaBroker(std::string settings, KafkaSecurity security)
    : address_("127.0.0.1:" + std::to_string(FreePort())),
      controller_("127.0.0.1:" + std::to_string(FreePort())) {
  const std::string file = folder_ / "server.properties";
  std::vector<std::string> format = {"kafka.tools.StorageTool", "format", "-t",
                                     "MkU3OEVBNTcwNTJENDM2Qg",  "-c",     file};
  if (security == KafkaSecurity::kTlsAndSasl) {
    secure_address_ = "127.0.0.1:" + std::to_string(FreePort());
    settings += SecureSettings();
    format.insert(format.end(), {"--add-scram", std::string("SCRAM-SHA-512=[name=") + kKafkaUser +
                                                    ",password=" + kKafkaPassword + "]"});
  }
  WriteFile(file,
            "process.roles=broker,controller\nnode.id=1\n"
            "controller.listener.names=CONTROLLER\n" +
                Listeners() + "log.dirs=" + (folder_ / "data") +
                "\n"
                "offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n"
                "transaction.state.log.replication.factor=1\n"
                "transaction.state.log.min.isr=1\n"
                "group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\n"
                "auto.create.topics.enable=false\nnum.partitions=4\n"
                "controlled.shutdown.enable=false\n" +
                settings);
  const Ended formatted = RunProgram(JavaCommand("128m", format));
  EXPECT_EQ(formatted.code, 0) << formatted.output;
  Start();
}

std::string KafkaBroker::Listeners() const {
  std::string listeners = "PLAINTEXT://" + address_;
  if (!secure_address_.empty()) listeners += ",SECURE://" + secure_address_;
  return "controller.quorum.voters=1@" + controller_ + "\nlisteners=" + listeners +
         ",CONTROLLER://" + controller_ + "\nadvertised.listeners=" + listeners +
         "\nlistener.security.protocol.map="
         "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL\n";
}

std::string KafkaBroker::SecureSettings() {
  MakeIdentity(folder_, "kafka");
  WriteFile(folder_ / "keystore.pem",
            ReadFile(folder_ / "kafka.key") + ReadFile(folder_ / "kafka.pem"));
  const std::string listener = "listener.name.secure.";
  const std::string modules = "sasl.jaas.config=org.apache.kafka.common.security.";
  return listener + "ssl.keystore.type=PEM\n" + listener +
         "ssl.keystore.location=" + (folder_ / "keystore.pem") + "\n" + listener +
         "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512\n" + listener + "plain." + modules +
         "plain.PlainLoginModule required user_" + kKafkaUser + "=\"" + kKafkaPassword + "\";\n" +
         listener + "scram-sha-512." + modules + "scram.ScramLoginModule required;\n";
}

void KafkaBroker::Start() {
  process_ = std::make_unique<Process>(
      JavaCommand("320m", {"kafka.Kafka", folder_ / "server.properties"}));
  const bool up =
      Eventually([&] { return KafkaAnswers(address_) || process_->ExitCode().has_value(); });
  EXPECT_TRUE(up && !process_->ExitCode()) << "no Kafka:\n" << process_->Output();
}

void KafkaBroker::Stop() {
  process_->Signal(SIGTERM);
  process_->Wait();
}

void KafkaBroker::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

KafkaBroker& SharedKafka() {
  static KafkaBroker kafka;
  return kafka;
}

std::string KafkaBroker::Log() const { return process_->Output(); }

}  // namespace postroad::testing
