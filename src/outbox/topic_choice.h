// Which topics' rows a source reads, where not all are: it may change while the relay works.
#ifndef POSTROAD_OUTBOX_TOPIC_CHOICE_H_
#define POSTROAD_OUTBOX_TOPIC_CHOICE_H_

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace postroad::outbox {

// Thread-safe. The rows of other topics wait in the table, in their order.
class TopicChoice {
 public:
  void Set(std::vector<std::string> topics) {
    std::lock_guard lock(mutex_);
    topics_ = std::move(topics);
  }
  std::vector<std::string> Get() const {
    std::lock_guard lock(mutex_);
    return topics_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> topics_;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_TOPIC_CHOICE_H_
