// See routed_target.h.
#include "outbox/routed_target.h"

#include <atomic>
#include <set>
#include <string>
#include <utility>

namespace postroad::outbox {
namespace {

// The results of a batch whose parts are under way.
struct Pending {
  std::vector<EventResult> results;  // each part fills in its own
  std::atomic<size_t> parts;
  SendCompletion done;

  void Fill(const std::vector<size_t>& places, std::vector<EventResult> part) {
    for (size_t i = 0; i < places.size(); ++i) results[places[i]] = std::move(part[i]);
    if (parts.fetch_sub(1) == 1) done(std::move(results));
  }
};

class RoutedTarget final : public Target {
 public:
  RoutedTarget(std::vector<TopicRoute> routes, std::vector<std::unique_ptr<Target>> targets)
      : routes_(std::move(routes)), targets_(std::move(targets)) {
    std::set<std::string_view> names;
    for (const auto& target : targets_) names.insert(target->name());
    for (const std::string_view name : names)
      name_ += (name_.empty() ? "" : "+") + std::string(name);
  }

  std::string_view name() const override { return name_; }

  void Send(BatchPtr batch, SendCompletion done) override {
    const std::vector<std::vector<size_t>> parts = Split(*batch);
    const size_t count = batch->events.size();
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].size() == count) return targets_[i]->Send(std::move(batch), std::move(done));
    }
    auto pending = std::make_shared<Pending>();
    pending->results.resize(count);
    pending->done = std::move(done);
    size_t used = 0;
    for (const auto& part : parts) used += !part.empty();
    pending->parts = used;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].empty()) continue;
      targets_[i]->Send(PartOf(batch, parts[i]),
                        [pending, places = parts[i]](std::vector<EventResult> results) {
                          pending->Fill(places, std::move(results));
                        });
    }
  }

  void Stop() override {
    for (const auto& target : targets_) target->Stop();
  }

 private:
  size_t TargetOf(std::string_view topic) const {
    for (const TopicRoute& route : routes_) {
      if (route.topics.Matches(topic)) return route.target;
    }
    return targets_.size() - 1;
  }

  // The places in the batch of what each target gets.
  std::vector<std::vector<size_t>> Split(const Batch& batch) const {
    std::vector<std::vector<size_t>> parts(targets_.size());
    std::string_view topic;  // of the event before, which is likely the next one's
    size_t target = targets_.size();
    for (size_t i = 0; i < batch.events.size(); ++i) {
      if (target == targets_.size() || batch.events[i].topic != topic) {
        topic = batch.events[i].topic;
        target = TargetOf(topic);
      }
      parts[target].push_back(i);
    }
    return parts;
  }

  static BatchPtr PartOf(const BatchPtr& batch, const std::vector<size_t>& places) {
    auto part = std::make_shared<Batch>();
    part->storage = batch;
    part->events.reserve(places.size());
    for (const size_t place : places) part->events.push_back(batch->events[place]);
    return part;
  }

  const std::vector<TopicRoute> routes_;
  const std::vector<std::unique_ptr<Target>> targets_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Target> NewRoutedTarget(std::vector<TopicRoute> routes,
                                        std::vector<std::unique_ptr<Target>> targets) {
  return std::make_unique<RoutedTarget>(std::move(routes), std::move(targets));
}

}  // namespace postroad::outbox
