// See collector.h.
#include "event_bus/collector.h"

#include <gtest/gtest.h>

#include "support/process.h"

namespace postroad::testing {

using event_bus::EventInput;
using event_bus::EventOutput;

event_bus::StreamHandlers Collector::Handlers() {
  return {.on_event = [this](const EventOutput& event) { return Handle(event); },
          .on_error =
              [this](const Error& error) {
                std::lock_guard lock(mutex_);
                error_ = error;
              }};
}

Status Collector::Handle(const EventOutput& event) {
  if (before) POSTROAD_TRY(before(event));
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !closed_; });
  events_.push_back(event);
  changed_.notify_all();
  return {};
}

void Collector::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

void Collector::Open() {
  std::lock_guard lock(mutex_);
  closed_ = false;
  changed_.notify_all();
}

std::vector<EventOutput> Collector::events() const {
  std::lock_guard lock(mutex_);
  return events_;
}

std::vector<std::string> Collector::Payloads() const {
  std::vector<std::string> payloads;
  for (EventOutput& event : events()) payloads.push_back(std::move(event.payload));
  return payloads;
}

std::vector<std::string> Collector::Await(size_t count) const {
  {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return events_.size() >= count; }))
        << events_.size() << " events of " << count;
  }
  return Payloads();
}

std::optional<Error> Collector::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

std::vector<EventInput> NumberedInputs(const std::string& topic, int from, int to) {
  std::vector<EventInput> inputs;
  for (const std::string& number : Numbers(from, to)) {
    inputs.push_back({.topic = topic, .payload = number, .key = "k"});
  }
  return inputs;
}

std::vector<std::string> Numbers(int from, int to) {
  std::vector<std::string> numbers;
  for (int i = from; i < to; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

}  // namespace postroad::testing
