// Postroad below its gateways, in this process: store, journal, delivery and broker over data in a
// temporary folder.
#ifndef POSTROAD_TESTS_SUPPORT_STACK_H_
#define POSTROAD_TESTS_SUPPORT_STACK_H_

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "broker/broker.h"
#include "delivery/delivery.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/rocks/rocks_store.h"

namespace postroad::testing {

class Stack {
 public:
  // Ends the process if anything does not open. `cores` and `metrics` must outlive it.
  Stack(CorePool& cores, Metrics& metrics, journal::JournalOptions options = {},
        const broker::UserOptions& users = {}) {
    std::string name = std::filesystem::temp_directory_path() / "postroad-test-XXXXXX";
    directory_ = mkdtemp(name.data());
    store_ = Must(store::OpenRocksStore({.directory = directory_ + "/data"}));
    journal_ = Must(
        journal::Journal::Open(*store_, std::move(options), SystemClock(), cores.at(0), metrics));
    delivery_ =
        Must(delivery::DeliveryEngine::Open(*journal_, *store_, cores, SystemClock(), metrics));
    broker_ = std::make_unique<broker::Broker>(*journal_, *delivery_, *store_, SystemClock(),
                                               metrics, users);
  }
  // After Stop, and after the pool was stopped.
  ~Stack() {
    broker_.reset();
    delivery_.reset();
    journal_.reset();
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Stack(const Stack&) = delete;

  broker::Broker& broker() { return *broker_; }
  journal::Journal& journal() { return *journal_; }
  // Before the pool's. What asks the broker must have stopped.
  void Stop() {
    delivery_->Stop();
    journal_->Stop();
  }

 private:
  template <typename T>
  static T Must(Result<T> result) {
    if (result) return *std::move(result);
    std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
    std::abort();
  }

  std::string directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<delivery::DeliveryEngine> delivery_;
  std::unique_ptr<broker::Broker> broker_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_STACK_H_
