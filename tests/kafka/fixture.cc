// See fixture.h.
#include "kafka/fixture.h"

#include <atomic>
#include <mutex>
#include <set>

#include "postroad/reader.h"

namespace postroad::testing {
namespace {

// The number at the end of a payload, whatever surrounds it: {"…":"…","payload":"12"} or 12.
int NumberIn(const std::string& value) {
  const size_t at = value.rfind("\"payload\":\"");
  return std::atoi(value.c_str() + (at == value.npos ? 0 : at + 11));
}

}  // namespace

Client ClientOf(const ServerProcess& server) {
  ClientOptions options;
  options.addresses = {server.grpc()};
  return *Client::Create(std::move(options));
}

Event NumberedEvent(const std::string& topic, int i, int keys) {
  Event event;
  event.topic = topic;
  event.key = "k" + std::to_string(i % keys);
  event.type = "number";
  event.content_type = "text/plain";
  event.payload = std::to_string(i);
  return event;
}

std::map<std::string, std::vector<int>> NumbersByKey(const std::vector<KafkaRecord>& records) {
  std::map<std::string, std::vector<int>> numbers;
  for (const KafkaRecord& record : records) {
    numbers[record.key.value_or("")].push_back(NumberIn(record.value));
  }
  return numbers;
}

std::map<std::string, std::vector<int>> NumbersByKey(const std::vector<Event>& events) {
  std::map<std::string, std::vector<int>> numbers;
  for (const Event& event : events) numbers[event.key].push_back(NumberIn(event.payload));
  return numbers;
}

::testing::AssertionResult ExactlyOnce(const std::map<std::string, std::vector<int>>& numbers,
                                       int count, int keys) {
  std::map<std::string, std::vector<int>> expected;
  for (int i = 0; i < count; ++i) expected["k" + std::to_string(i % keys)].push_back(i);
  if (numbers == expected) return ::testing::AssertionSuccess();
  for (const auto& [key, list] : expected) {
    const auto found = numbers.find(key);
    if (found == numbers.end()) return ::testing::AssertionFailure() << key << " is not there";
    for (size_t i = 0; i < list.size(); ++i) {
      if (i < found->second.size() && found->second[i] == list[i]) continue;
      return ::testing::AssertionFailure() << key << ": not " << list[i] << " at " << i << " but "
                                           << (i < found->second.size() ? found->second[i] : -1)
                                           << " (of " << found->second.size() << ")";
    }
  }
  return ::testing::AssertionFailure() << "more than was sent";
}

::testing::AssertionResult AtLeastOnce(const std::map<std::string, std::vector<int>>& numbers,
                                       int count, int keys) {
  std::map<std::string, std::vector<int>> first;
  for (const auto& [key, list] : numbers) {
    std::set<int> seen;
    for (const int number : list) {
      if (seen.insert(number).second) first[key].push_back(number);
    }
  }
  return ExactlyOnce(first, count, keys);
}

void PostEvents(const ServerProcess& server, const std::vector<Event>& events) {
  const auto publisher = *Publisher::Create(ClientOf(server), {});
  for (size_t i = 0; i < events.size(); i += 500) {
    const size_t count = std::min<size_t>(500, events.size() - i);
    const auto posted = publisher->Post(std::span(events).subspan(i, count));
    ASSERT_TRUE(posted) << posted.error().ToString();
  }
}

std::vector<Event> ReadEvents(const ServerProcess& server, const std::vector<std::string>& topics,
                              size_t count) {
  std::mutex mutex;
  std::vector<Event> events;
  ReaderOptions options;
  options.topics = topics;
  options.from = FromBeginning{};
  options.on_event = [&](const ReadEvent& event) -> Status {
    std::lock_guard lock(mutex);
    events.push_back(event.event().ToEvent());
    return {};
  };
  const auto reader = *Reader::Start(ClientOf(server), std::move(options));
  const bool there = Eventually([&] {
    std::lock_guard lock(mutex);
    return events.size() >= count;
  });
  reader->Stop();
  EXPECT_TRUE(there) << events.size() << " events of " << count;
  return events;
}

int LogHas(const ServerProcess& server, const std::string& topic) {
  const std::string shown = RunProgram({PostroadProgram(), "topics", "show", topic, "--server",
                                        server.grpc(), "-o", "json"})
                                .output;
  const std::string field = "\"events\":";
  const size_t at = shown.find(field);
  return at == shown.npos ? 0 : std::stoi(shown.substr(at + field.size()));
}

double MetricOf(const ServerProcess& server, const std::string& line) {
  const std::string page = "\n" + HttpGet(server.http(), "/metrics").body;
  const size_t at = page.find("\n" + line + " ");
  return at == page.npos ? -1 : std::atof(page.c_str() + at + 2 + line.size());
}

}  // namespace postroad::testing
