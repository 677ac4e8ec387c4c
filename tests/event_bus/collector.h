// Handlers that keep what comes, hold it up, or fail, as a test says.
#ifndef POSTROAD_TESTS_EVENT_BUS_COLLECTOR_H_
#define POSTROAD_TESTS_EVENT_BUS_COLLECTOR_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "postroad/event_bus.h"

namespace postroad::testing {

// Outlives the streams that it handles.
class Collector {
 public:
  event_bus::StreamHandlers Handlers();

  // Called with each event first, on the stream's thread; may fail it.
  std::function<Status(const event_bus::EventOutput&)> before;
  // While closed, handlers wait (before an event counts as seen).
  void Close();
  void Open();

  std::vector<event_bus::EventOutput> events() const;
  std::vector<std::string> Payloads() const;
  // Once there are that many; else a test failure and what there is.
  std::vector<std::string> Await(size_t count) const;
  std::optional<Error> error() const;

 private:
  Status Handle(const event_bus::EventOutput& event);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool closed_ = false;
  std::vector<event_bus::EventOutput> events_;
  std::optional<Error> error_;
};

// Payloads "from", … , "to - 1" for a topic.
std::vector<event_bus::EventInput> NumberedInputs(const std::string& topic, int from, int to);
std::vector<std::string> Numbers(int from, int to);

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_EVENT_BUS_COLLECTOR_H_
