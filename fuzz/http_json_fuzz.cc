// What the gateways read as JSON: events as they are posted, CloudEvents, acks. Nothing that comes
// ends the process, and what is taken can be written as JSON again.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/event.h"
#include "gateway/http/cloudevents.h"
#include "gateway/json/event_json.h"
#include "gateway/values/post_json.h"
#include "gateway/values/users_json.h"

namespace {

namespace json = boost::json;
using postroad::Event;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// As streams write it, and as who reads them may post it again.
void RoundTrip(const Event& event) {
  const std::string record = postroad::EncodeRecord(postroad::ViewOf(event));
  postroad::EventView view;
  Require(postroad::ParseRecord(record, view).has_value(), "an event that was read has a record");
  json::object object;
  if (!event.topic.empty()) object["topic"] = event.topic;
  postroad::gateway::AddAttributes(object, view);
  std::string line;
  postroad::gateway::AppendWithPayload(std::move(object), view, line);
  boost::system::error_code error;
  (void)json::parse(line, error, {}, {.max_depth = 1'000});
  Require(!error, "a line is JSON");
}

void Events(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse({text.data(), text.size()}, error);
  if (error) return;
  if (const auto events = postroad::gateway::ReadEvents(value)) {
    for (const Event& event : *events) {
      if (postroad::CheckEvent(postroad::ViewOf(event), "event")) RoundTrip(event);
    }
  }
  if (const auto events = postroad::gateway::ReadCloudEvents(value, "")) {
    for (const Event& event : *events) {
      if (postroad::CheckEvent(postroad::ViewOf(event), "event")) RoundTrip(event);
    }
  }
  (void)postroad::gateway::ReadCloudEvent(value, "t", "event");
  if (const auto acks = postroad::gateway::ReadAcks(value, "acks")) {
    for (const auto& ack : *acks) {
      if (ack.state != postroad::broker::ConnectionState::kReplied) continue;
      (void)json::parse(ack.text, error);
      Require(!error, "a reply is JSON");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Events({reinterpret_cast<const char*>(data), size});
  return 0;
}
